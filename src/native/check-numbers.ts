/**
 * Numbers on their way into Rust, where a fraction is cut off, NaN is 0, and what is too large wraps around: a range
 * that nobody meant, and changes that nobody reads.
 */

import type { ByteRange } from '../domain/bad-blocks.ts';
import { backyError } from '../errors.ts';
import type { SourceInput } from './source-input.ts';

/** Rust has 32 bits for it. */
const MOST_RUNS = 2 ** 32 - 1;

/** Refuses what is no size or offset. @throws BACKY_INVALID_ARGUMENT */
export function checkBytes(name: string, value: number): void {
  check(name, value, 'number of bytes');
}

/** Refuses offsets of blocks that are none. @throws BACKY_INVALID_ARGUMENT */
export function checkOffsets(blocks: readonly number[]): void {
  for (const offset of blocks) checkBytes('the offset of a block', offset);
}

/** Refuses a source whose size, or a range of it, is none. @throws BACKY_INVALID_ARGUMENT */
export function checkSource(source: SourceInput): void {
  if ('command' in source) checkBytes('size', source.size);
  else checkRanges(source.changed ?? []);
}

/** Refuses what names no sample; of runs there may have been more than it takes. @throws BACKY_INVALID_ARGUMENT */
export function checkSample(runs = 0, run = 0): void {
  check('the number of runs', runs, 'whole number up to 2^32 - 1', MOST_RUNS);
  check('the run', run, 'whole number');
}

function checkRanges(ranges: readonly ByteRange[]): void {
  for (const range of ranges) {
    // What is no range at all, the addon would refuse with an error that is none of ours.
    checkBytes('the offset of a range', range?.offset);
    checkBytes('the length of a range', range?.length);
  }
}

function check(name: string, value: number, what: string, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= 0 && value <= most) return;
  throw backyError('BACKY_INVALID_ARGUMENT', { detail: `${name} is ${value}, not a ${what}` });
}
