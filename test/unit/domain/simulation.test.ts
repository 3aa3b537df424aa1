import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planRetention, type Retainable } from '../../../src/domain/retention.ts';
import { keep } from '../../../src/domain/retention-keeper.ts';
import type { Schedule } from '../../../src/domain/schedule.ts';
import { predictBytes, simulate } from '../../../src/domain/simulation.ts';
import { DAY_MS, history, schedules } from '../histories.ts';

const HOUR_MS = DAY_MS / 24;
const schedule: Schedule = new Map([
  ['daily', { intervalMs: DAY_MS, keep: 3 }],
  ['weekly', { intervalMs: 7 * DAY_MS, keep: 2 }],
]);

describe('simulate', () => {
  it('takes what is due and keeps what the schedule keeps', () => {
    const { backups, kept, largestGap } = simulate(schedule, [], { startMs: 0, days: 14 });
    expect(backups).toHaveLength(15);
    expect(backups[0]).toEqual({ atMs: 0, tags: ['daily', 'weekly'] });
    expect(backups[1]).toEqual({ atMs: DAY_MS, tags: ['daily'] });
    expect(kept.map(({ takenAtMs, tags }) => [takenAtMs / DAY_MS, tags.join()])).toEqual([
      [0, 'weekly'],
      [7, 'weekly'],
      [11, 'daily'],
      [12, 'daily'],
      [13, 'daily'],
      [14, 'daily,weekly'],
    ]);
    expect(largestGap).toEqual({ fromMs: 0, toMs: 7 * DAY_MS });
  });

  it('goes on from the revisions there are', () => {
    const present = [{ uuid: 'a', takenAtMs: -HOUR_MS, tags: ['daily', 'weekly'], isGood: true }];
    const { backups } = simulate(schedule, present, { startMs: 0, days: 1 });
    expect(backups).toEqual([{ atMs: DAY_MS - HOUR_MS, tags: ['daily'] }]);
  });

  it('takes at once what was missed, and does not rely on what is in doubt', () => {
    const present = [{ uuid: 'a', takenAtMs: -HOUR_MS, tags: ['daily'], isGood: false }];
    expect(simulate(schedule, present, { startMs: 0, days: 0 }).backups).toEqual([
      { atMs: 0, tags: ['daily', 'weekly'] },
    ]);
  });

  it('refuses more backups than memory holds', () => {
    const often: Schedule = new Map([['often', { intervalMs: 60_000, keep: 3 }]]);
    expect(simulate(often, [], { startMs: 0, days: 600 }).backups).toHaveLength(600 * 24 * 60 + 1);
    expect(() => simulate(often, [], { startMs: 0, days: 36_525 })).toThrow(
      expect.objectContaining({ code: 'BACKY_USAGE', message: expect.stringContaining('36525 days') }),
    );
  });

  it('does nothing without a schedule', () => {
    expect(simulate(new Map(), [], { startMs: 0, days: 100 })).toMatchObject({ backups: [], kept: [] });
  });
});

describe('keep', () => {
  it('comes to what planning from scratch after each backup comes to', () => {
    const newcomers = fc.array(
      fc.record({
        afterMs: fc.integer({ min: 1, max: 12 }),
        tags: fc.subarray(['hourly', 'daily', 'weekly']),
      }),
      { maxLength: 15 },
    );
    const cases = fc.record({ rules: schedules, present: history, newcomers });
    const property = fc.property(cases, ({ rules, present, newcomers: backups }) => {
      const keeper = keep(rules, present);
      let model = present;
      let nowMs = present.at(-1)?.takenAtMs ?? 0;
      for (const [number, { afterMs, tags }] of backups.entries()) {
        nowMs += afterMs;
        const revision = { uuid: `new-${number}`, takenAtMs: nowMs, tags, isGood: true };
        keeper.add(revision);
        model = expired(rules, [...model, revision], nowMs);
        expect(keeper.kept()).toEqual(model);
      }
    });
    fc.assert(property, { numRuns: 20_000 });
  });
});

function expired(rules: Schedule, revisions: readonly Retainable[], nowMs: number): readonly Retainable[] {
  const { verdicts } = planRetention(rules, revisions, nowMs);
  return revisions.flatMap((revision, index) => {
    const verdict = verdicts[index];
    if (!verdict?.kept) return [];
    return [{ ...revision, tags: revision.tags.filter((tag) => !verdict.expiredTags.includes(tag)) }];
  });
}

describe('predictBytes', () => {
  it('counts one image, and for each further revision what changed since the last', () => {
    const rate = { imageBytes: 1000, bytesPerDay: 10 };
    expect(predictBytes([], rate)).toBe(0);
    expect(predictBytes([0], rate)).toBe(1000);
    expect(predictBytes([0, DAY_MS, 8 * DAY_MS], rate)).toBe(1080);
    expect(predictBytes([0, 500 * DAY_MS], rate)).toBe(2000);
  });
});
