import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { badRanges, describeBadBlocks } from '../../../src/domain/bad-blocks.ts';

const BLOCK = 262144;

function blocks(...numbers: readonly number[]) {
  return numbers.map((number) => ({ offset: number * BLOCK, length: BLOCK, expected: 'aa', found: 'bb' }));
}

describe('badRanges', () => {
  it('joins neighbours', () => {
    expect(badRanges(blocks(1, 2, 5))).toEqual([
      { offset: BLOCK, length: 2 * BLOCK },
      { offset: 5 * BLOCK, length: BLOCK },
    ]);
  });

  it('covers exactly the bad blocks, with a gap between any two ranges', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(60)), (numbers) => {
        const sorted = numbers.toSorted((a, b) => a - b);
        const ranges = badRanges(blocks(...sorted));
        const covered = ranges.flatMap(({ offset, length }) =>
          Array.from({ length: length / BLOCK }, (_, index) => offset / BLOCK + index),
        );
        expect(covered).toEqual(sorted);
        ranges.slice(1).forEach((range, index) => {
          const before = ranges[index];
          expect(range.offset).toBeGreaterThan((before?.offset ?? 0) + (before?.length ?? 0));
        });
      }),
    );
  });
});

describe('describeBadBlocks', () => {
  it('names a few ranges and counts the others', () => {
    expect(describeBadBlocks(blocks(0))).toBe('bytes 0-262143 (256.00 KiB)');
    expect(describeBadBlocks(blocks(0, 2, 4, 6))).not.toContain('more');
    expect(describeBadBlocks(blocks(0, 2, 4, 6, 8))).toMatch(/ and 1 more range, 1.25 MiB in all$/);
    expect(describeBadBlocks(blocks(0, 2, 4, 6, 8, 10))).toMatch(/ and 2 more ranges, 1.50 MiB in all$/);
  });

  it('says how many there are where it was given the first ones', () => {
    expect(describeBadBlocks(blocks(0), 20_000)).toMatch(/ and many more, 20000 blocks in all$/);
  });
});
