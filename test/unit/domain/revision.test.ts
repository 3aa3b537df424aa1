import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byAge, newestGood } from '../../../src/domain/revision.ts';
import { isoDay, makeHistory, makeRecord, revisionId } from '../records.ts';

describe('newestGood', () => {
  it('passes over distrusted revisions', () => {
    const history = makeHistory({}, { trust: 'verified' }, { trust: 'distrusted' });
    expect(newestGood(history)).toBe(history[1]);
  });

  it('finds none where none is good', () => {
    expect(newestGood(makeHistory({ trust: 'distrusted' }))).toBeUndefined();
    expect(newestGood([])).toBeUndefined();
  });
});

describe('byAge', () => {
  it('gives the same order whatever order the directory has', () => {
    const history = makeHistory({}, { timestamp: isoDay(0) }, {}, { timestamp: isoDay(2) }, {});
    const sorted = history.toSorted(byAge);
    fc.assert(
      fc.property(fc.shuffledSubarray([...history], { minLength: history.length }), (shuffled) => {
        expect(shuffled.toSorted(byAge)).toEqual(sorted);
      }),
    );
  });

  it('compares times, not texts', () => {
    const precise = makeRecord({ uuid: revisionId(1), timestamp: '2026-01-01T00:00:00.5Z' });
    const whole = makeRecord({ uuid: revisionId(2), timestamp: '2026-01-01T00:00:00Z' });
    expect([precise, whole].sort(byAge)).toEqual([whole, precise]);
  });
});
