/**
 * Checks numbers before they enter Rust. The conversion would truncate fractions, turn NaN into 0 and wrap large numbers,
 * so a backup could miss changes.
 */

import type { ByteRange } from '../domain/bad-blocks.ts';
import { backyError } from '../errors.ts';
import type { SourceInput } from './source-input.ts';

/** The engine stores this number in 32 bits. */
const MOST_RUNS = 2 ** 32 - 1;

/** Checks a size or an offset in bytes. @throws BACKY_INVALID_ARGUMENT */
export function checkBytes(name: string, value: number): void {
  check(name, value, 'number of bytes');
}

/** Checks offsets of blocks, in bytes. @throws BACKY_INVALID_ARGUMENT */
export function checkOffsets(blocks: readonly number[]): void {
  for (const offset of blocks) checkBytes('the offset of a block', offset);
}

/** Checks the size of a source, or its changed ranges. @throws BACKY_INVALID_ARGUMENT */
export function checkSource(source: SourceInput): void {
  if ('command' in source) checkBytes('size', source.size);
  else checkRanges(source.changed ?? []);
}

/** Checks the numbers that select a sample; `run` may exceed `runs`. @throws BACKY_INVALID_ARGUMENT */
export function checkSample(runs = 0, run = 0): void {
  check('the number of runs', runs, 'whole number up to 2^32 - 1', MOST_RUNS);
  check('the run', run, 'whole number');
}

function checkRanges(ranges: readonly ByteRange[]): void {
  for (const range of ranges) {
    // The addon would refuse a missing range with an error that is not a BackyError.
    checkBytes('the offset of a range', range?.offset);
    checkBytes('the length of a range', range?.length);
  }
}

function check(name: string, value: number, what: string, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= 0 && value <= most) return;
  throw backyError('BACKY_INVALID_ARGUMENT', { detail: `${name} is ${value}, not a ${what}` });
}
