import { describe, expect, it } from 'vitest';
import { fragmentationOf, isShredded } from '../../../src/domain/fragmentation.ts';
import { makeRecord } from '../records.ts';

const GIB = 2 ** 30;

function imageOf(size: number, bytesZero: number, extents: number) {
  const fragmentation = fragmentationOf(makeRecord({ size, stats: { bytesZero, extents } }));
  if (!fragmentation) throw new Error('the record names its extents');
  return fragmentation;
}

describe('fragmentation', () => {
  it('is counted for each GiB of data, whatever the size of the image', () => {
    expect(imageOf(100 * GIB, 98 * GIB, 3000)).toEqual({ extents: 3000, extentsPerGib: 1500 });
  });

  it('is a number even where there is no data', () => {
    expect(imageOf(GIB, GIB, 0)).toEqual({ extents: 0, extentsPerGib: 0 });
    expect(Number.isFinite(imageOf(0, 0, 1).extentsPerGib)).toBe(true);
  });

  it('is not known of revisions that say nothing of it', () => {
    expect(fragmentationOf(makeRecord())).toBeUndefined();
  });

  it.each([
    ['few', 100 * GIB, 1000, false],
    [
      'many, as a large image has when its changes are written in large granules',
      100 * GIB,
      1_600_000,
      false,
    ],
    ['many for its size, which nobody notices', GIB, 60_000, false],
    ['many for its size, which takes long', 10 * GIB, 200_000, true],
  ])('is too much or not: %s', (_, size, extents, expected) => {
    expect(isShredded(imageOf(size, 0, extents))).toBe(expected);
  });
});
