import { counted } from './counted.ts';
import { formatSize } from './size.ts';

/** A block of an image that does not match the index. */
export interface BadBlock {
  /** Byte offset in the image. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** The hash in the index; 64 zeros stand for a block of zeros. */
  readonly expected: string;
  /** The hash of the bytes that were read; absent if the block is unreadable. */
  readonly found?: string;
  /** The error that made the block unreadable, such as `EIO`. */
  readonly error?: string;
}

/** A range of bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Number of ranges that a message names. */
const NAMED_RANGES = 4;

/** Joins neighbouring blocks. */
export function badRanges(blocks: readonly BadBlock[]): readonly ByteRange[] {
  const ranges: ByteRange[] = [];
  for (const { offset, length } of blocks) {
    const last = ranges.at(-1);
    if (last && last.offset + last.length === offset) {
      ranges[ranges.length - 1] = { offset: last.offset, length: last.length + length };
    } else {
      ranges.push({ offset, length });
    }
  }
  return ranges;
}

/**
 * Names the damaged ranges in one line: `bytes 0-262143 (256.00 KiB) and 3 more ranges, 1.00 MiB in all`.
 *
 * @param count the number of all bad blocks; `blocks` may hold only the first ones
 */
export function describeBadBlocks(blocks: readonly BadBlock[], count: number = blocks.length): string {
  const ranges = badRanges(blocks);
  const named = ranges
    .slice(0, NAMED_RANGES)
    .map(({ offset, length }) => `bytes ${offset}-${offset + length - 1} (${formatSize(length)})`)
    .join(', ');
  if (count > blocks.length) return `${named} and many more, ${count} blocks in all`;
  const others = ranges.length - NAMED_RANGES;
  if (others <= 0) return named;
  const total = blocks.reduce((sum, { length }) => sum + length, 0);
  return `${named} and ${counted(others, 'more range')}, ${formatSize(total)} in all`;
}
