import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planRetention, type Retainable } from '../../../src/domain/retention.ts';
import { keep } from '../../../src/domain/retention-keeper.ts';
import type { Schedule } from '../../../src/domain/schedule.ts';
import { predictBytes, simulate } from '../../../src/domain/simulation.ts';
import { zoneOf } from '../../../src/domain/time-zone.ts';
import { DAY_MS, history, schedules } from '../histories.ts';

const HOUR_MS = DAY_MS / 24;
const zone = zoneOf('UTC');
/** 1970-01-05, so that weeks begin with it. */
const MONDAY_MS = 4 * DAY_MS;
const schedule: Schedule = new Map([
  ['daily', { intervalMs: DAY_MS, keep: 3 }],
  ['weekly', { intervalMs: 7 * DAY_MS, keep: 2 }],
]);

describe('simulate', () => {
  it('takes due backups and keeps the scheduled revisions', () => {
    const { backups, kept, largestGap } = simulate(schedule, [], { startMs: MONDAY_MS, days: 14, zone });
    expect(backups).toHaveLength(15);
    expect(backups[0]).toEqual({ atMs: MONDAY_MS, tags: ['daily', 'weekly'] });
    expect(backups[1]).toEqual({ atMs: MONDAY_MS + DAY_MS, tags: ['daily'] });
    expect(kept.map(({ takenAtMs, tags }) => [(takenAtMs - MONDAY_MS) / DAY_MS, tags.join()])).toEqual([
      [0, 'weekly'],
      [7, 'weekly'],
      [11, 'daily'],
      [12, 'daily'],
      [13, 'daily'],
      [14, 'daily,weekly'],
    ]);
    expect(largestGap).toEqual({ fromMs: MONDAY_MS, toMs: MONDAY_MS + 7 * DAY_MS });
  });

  it('goes on from the revisions there are: in the next slot, half a slot later at the earliest', () => {
    const times = (takenAtMs: number): readonly (readonly [number, string])[] => {
      const present = [{ uuid: 'a', takenAtMs, tags: ['daily', 'weekly'], isGood: true }];
      const { backups } = simulate(schedule, present, { startMs: MONDAY_MS, days: 2, zone });
      return backups.map(({ atMs, tags }) => [(atMs - MONDAY_MS) / HOUR_MS, tags.join()]);
    };
    expect(times(MONDAY_MS - 20 * HOUR_MS)).toEqual([
      [0, 'daily'],
      [24, 'daily'],
      [48, 'daily'],
    ]);
    expect(times(MONDAY_MS - HOUR_MS)).toEqual([
      [11, 'daily'],
      [24, 'daily'],
      [48, 'daily'],
    ]);
    expect(times(MONDAY_MS)).toEqual([
      [24, 'daily'],
      [48, 'daily'],
    ]);
  });

  it('takes at once what was missed, and does not rely on what is in doubt', () => {
    const present = [{ uuid: 'a', takenAtMs: -HOUR_MS, tags: ['daily'], isGood: false }];
    expect(simulate(schedule, present, { startMs: 0, days: 0, zone }).backups).toEqual([
      { atMs: 0, tags: ['daily', 'weekly'] },
    ]);
  });

  it('goes by the calendar: months of any length, and days of 23 and 25 hours', () => {
    const rules: Schedule = new Map([
      ['daily', { intervalMs: DAY_MS, keep: 3, atMs: 2.5 * HOUR_MS }],
      ['monthly', { intervalMs: 31 * DAY_MS, months: 1, keep: 3 }],
    ]);
    const startMs = Date.parse('2026-01-01T00:00:00+01:00');
    const { backups } = simulate(rules, [], { startMs, days: 365, zone: zoneOf('Europe/Berlin') });
    const of = (tag: string): readonly string[] =>
      backups.filter(({ tags }) => tags.includes(tag)).map(({ atMs }) => new Date(atMs).toISOString());
    expect(of('monthly').map((time) => time.slice(0, 13))).toEqual([
      '2025-12-31T23',
      '2026-01-31T23',
      '2026-02-28T23',
      '2026-03-31T22',
      '2026-04-30T22',
      '2026-05-31T22',
      '2026-06-30T22',
      '2026-07-31T22',
      '2026-08-31T22',
      '2026-09-30T22',
      '2026-10-31T23',
      '2026-11-30T23',
      '2026-12-31T23',
    ]);
    expect(of('daily')).toHaveLength(366);
    expect(of('daily')).toEqual(
      expect.arrayContaining([
        '2026-03-29T01:00:00.000Z',
        '2026-03-30T00:30:00.000Z',
        '2026-10-26T01:30:00.000Z',
      ]),
    );
  });

  it('refuses more backups than memory holds', () => {
    const often: Schedule = new Map([['often', { intervalMs: 60_000, keep: 3 }]]);
    expect(simulate(often, [], { startMs: 0, days: 600, zone }).backups).toHaveLength(600 * 24 * 60 + 1);
    expect(() => simulate(often, [], { startMs: 0, days: 36_525, zone })).toThrow(
      expect.objectContaining({ code: 'BACKY_USAGE', message: expect.stringContaining('36525 days') }),
    );
  });

  it('does nothing without a schedule', () => {
    expect(simulate(new Map(), [], { startMs: 0, days: 100, zone })).toMatchObject({ backups: [], kept: [] });
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
