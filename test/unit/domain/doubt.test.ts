import { describe, expect, it } from 'vitest';
import { fullReadOf, isDamagedOnDisk, suspectsOf, withDoubts } from '../../../src/domain/doubt.ts';
import type { RevisionRecord } from '../../../src/domain/revision.ts';
import { makeRecord, revisionId } from '../records.ts';

/** A history: each method is a revision, the child of the one before. */
function history(
  methods: readonly string[],
  changes: (index: number) => Partial<RevisionRecord['stats']> = () => ({}),
): readonly RevisionRecord[] {
  return methods.map((method, index) =>
    makeRecord({
      uuid: revisionId(index),
      parent: index === 0 ? null : revisionId(index - 1),
      timestamp: new Date(Date.UTC(2026, 0, 1 + index)).toISOString(),
      stats: { method, ...changes(index) },
    }),
  );
}

const numbersOf = (revisions: readonly RevisionRecord[], uuids: readonly string[]): readonly number[] =>
  uuids.map((uuid) => revisions.findIndex((record) => record.uuid === uuid));

describe('suspectsOf', () => {
  it.each([
    [
      ['full', 'rbd-diff', 'rbd-diff'],
      [1, 2],
    ],
    [
      ['full', 'extent-map', 'full', 'clone', 'extent-map', 'clone'],
      [3, 4, 5],
    ],
    [
      ['unknown', 'thin-delta', 'some-later-method'],
      [1, 2],
    ],
    [['full', 'rbd-diff', 'full'], []],
    // Retention has removed the full read.
    [
      ['rbd-diff', 'rbd-diff'],
      [0, 1],
    ],
  ])('lists the revisions of %j that rest on hints since the full read', (methods, expected) => {
    const revisions = history(methods);
    const parent = revisions.at(-1) ?? expect.unreachable();
    expect(numbersOf(revisions, suspectsOf(parent, revisions))).toEqual(expected);
  });

  it('goes by the full read that records name, when that is gone and in whatever order they are', () => {
    const [first, second] = [revisionId(100), revisionId(101)];
    const roots = [first, first, second, second];
    const revisions = history(
      roots.map(() => 'rbd-diff'),
      (index) => ({ fullRead: roots[index] ?? '' }),
    );
    const parent = revisions.at(-1) ?? expect.unreachable();
    expect(numbersOf(revisions, suspectsOf(parent, revisions))).toEqual([2, 3]);
    expect(fullReadOf(parent, [])).toBe(second);
  });
});

describe('withDoubts', () => {
  it('distrusts revisions that another one doubts, and keeps the reason', () => {
    const [a, b, c] = history(['full', 'clone', 'full']);
    if (!a || !b || !c) return expect.unreachable();
    const finder = { ...c, suspects: [b.uuid, revisionId(77)] };
    const [one, two, three] = withDoubts([a, b, finder]);
    expect([one, three]).toEqual([a, finder]);
    expect(two).toEqual({ ...b, trust: 'distrusted', distrustedBecause: expect.stringContaining(c.uuid) });
    expect(two && isDamagedOnDisk(two)).toBe(false);
  });

  it('leaves damaged revisions unchanged', () => {
    const damaged = makeRecord({ uuid: revisionId(1), trust: 'distrusted' });
    const finder = makeRecord({ uuid: revisionId(2), suspects: [damaged.uuid] });
    const [found] = withDoubts([damaged, finder]);
    expect(found).toEqual(damaged);
    expect(isDamagedOnDisk(damaged)).toBe(true);
  });
});
