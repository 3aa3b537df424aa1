import { describe, expect, it } from 'vitest';
import { inOrderOfVerification, leastVerifiedMs } from '../../../src/domain/verification-order.ts';
import { isoDay, makeRecord, revisionId } from '../records.ts';

const NOW = Date.parse(isoDay(40));
const DAY_MS = 86_400_000;

const never = makeRecord({ uuid: revisionId(1), timestamp: isoDay(1), verifiedAt: null });
const long = makeRecord({ uuid: revisionId(2), timestamp: isoDay(2), verifiedAt: isoDay(5) });
const lately = makeRecord({ uuid: revisionId(3), timestamp: isoDay(3), verifiedAt: isoDay(38) });
const fresh = makeRecord({ uuid: revisionId(4), timestamp: isoDay(39), verifiedAt: null });
const all = [never, long, lately, fresh];

describe('the order of verification', () => {
  it('is that of the revisions', () => {
    expect(inOrderOfVerification(all, {}, NOW)).toEqual(all);
  });

  it('leaves out what was verified lately', () => {
    expect(inOrderOfVerification(all, { olderThanMs: 30 * DAY_MS }, NOW)).toEqual([never, long, fresh]);
  });

  it('does not count a verification that is dated in the future', () => {
    const ahead = makeRecord({ uuid: revisionId(5), timestamp: isoDay(3), verifiedAt: isoDay(60) });
    expect(inOrderOfVerification([ahead], { olderThanMs: DAY_MS }, NOW)).toEqual([ahead]);
  });

  it('begins with the newest revision', () => {
    expect(inOrderOfVerification(all, { newestFirst: true }, NOW)).toEqual([fresh, lately, long, never]);
  });

  it('begins with the revision that was never verified, then with the longest ago', () => {
    const order = inOrderOfVerification([lately, long, never, fresh], { stalestFirst: true }, NOW);
    expect(order).toEqual([never, fresh, long, lately]);
  });

  it('knows since when every revision is verified or taken', () => {
    expect(leastVerifiedMs([])).toBeUndefined();
    expect(leastVerifiedMs(all)).toBe(Date.parse(isoDay(1)));
    expect(leastVerifiedMs([long, lately, fresh])).toBe(Date.parse(isoDay(5)));
  });
});
