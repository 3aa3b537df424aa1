import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dueTags, type Schedule, takenOf } from '../../../src/domain/schedule.ts';
import { healthOf, type TagHealth } from '../../../src/domain/schedule-health.ts';
import { createSlots } from '../../../src/domain/slots.ts';
import { zoneOf } from '../../../src/domain/time-zone.ts';
import { makeRecord } from '../records.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const zone = zoneOf('UTC');
const daily: Schedule = new Map([['daily', { intervalMs: DAY_MS, keep: 9 }]]);
/** When the configuration was written: a Thursday. */
const sinceMs = Date.UTC(2026, 0, 1);

function time(day: number, hour = 0): number {
  return Date.UTC(2026, 0, day, hour);
}

/** Returns the health of a tag whose revisions were taken at those times. */
function health(takenAtMs: readonly number[], nowMs: number, schedule = daily): TagHealth {
  const [tag = ''] = schedule.keys();
  const revisions = takenAtMs.map((atMs) => ({ takenAtMs: atMs, tags: [tag], isGood: true }));
  return healthOf(schedule, revisions, { nowMs, sinceMs, zone })[0] ?? expect.unreachable();
}

describe('healthOf', () => {
  it.each([0, 3, 11, 12, 13, 23])('is content with a run each day at %i hours, whatever the slot', (hour) => {
    const taken = Array.from({ length: 10 }, (_, day) => time(day + 1, hour));
    for (let nowMs = time(3, hour); nowMs < time(10, hour); nowMs += HOUR_MS) {
      const before = taken.filter((atMs) => atMs <= nowMs);
      expect(health(before, nowMs)).toMatchObject({ isOverdue: false, lastGoodMs: before.at(-1) });
    }
  });

  it('says since when a tag is due, and when it is overdue: half an interval late, or after a whole slot', () => {
    expect(health([time(5, 3)], time(5, 4))).toEqual({
      tag: 'daily',
      lastGoodMs: time(5, 3),
      isDue: false,
      dueMs: time(6),
      isOverdue: false,
      overdueMs: time(6, 15),
    });
    expect(health([time(5, 20)], time(6, 1))).toMatchObject({ isDue: false, dueMs: time(6, 8) });
    expect(health([time(5, 20)], time(6, 9))).toMatchObject({ isDue: true, dueMs: time(6, 8) });
    expect(health([time(5, 3)], time(6, 15) - 1)).toMatchObject({ isDue: true, isOverdue: false });
    expect(health([time(5, 3)], time(6, 15))).toMatchObject({ isDue: true, dueMs: time(6), isOverdue: true });
    expect(health([time(5, 20)], time(7) - 1)).toMatchObject({ isOverdue: false });
    expect(health([time(5, 20)], time(7))).toMatchObject({ isOverdue: true, overdueMs: time(7) });
    expect(health([time(5, 3)], time(63))).toMatchObject({
      dueMs: time(6),
      isOverdue: true,
      overdueMs: time(6, 15),
    });
  });

  it('expects a first revision since the configuration was written', () => {
    expect(health([], time(1, 1))).toEqual({
      tag: 'daily',
      isDue: true,
      dueMs: sinceMs,
      isOverdue: false,
      overdueMs: time(2, 12),
    });
    expect(health([], time(2, 12))).toMatchObject({ isOverdue: true });
  });

  it('does not count distrusted or future revisions', () => {
    const bad = { takenAtMs: time(6, 1), tags: ['daily'], isGood: false };
    const early = { takenAtMs: time(5, 1), tags: ['daily', 'x'], isGood: true };
    const ahead = { takenAtMs: time(500), tags: ['daily'], isGood: true };
    const [tag] = healthOf(daily, [early, bad, ahead], { nowMs: time(7), sinceMs, zone });
    expect(tag).toMatchObject({ lastGoodMs: time(5, 1), isDue: true, isOverdue: true });
  });

  it('goes by months of the calendar, too', () => {
    const monthly: Schedule = new Map([['monthly', { intervalMs: 31 * DAY_MS, months: 1, keep: 3 }]]);
    expect(health([time(1, 1)], time(20), monthly)).toMatchObject({
      isDue: false,
      dueMs: Date.UTC(2026, 1),
      overdueMs: time(1, 1) + 42 * DAY_MS,
    });
  });

  it('agrees with the next backup, and is never overdue before it is due', () => {
    const rules = fc.constantFrom(
      { intervalMs: HOUR_MS, keep: 1 },
      { intervalMs: 7 * HOUR_MS, keep: 1, atMs: 2 * HOUR_MS },
      { intervalMs: DAY_MS, keep: 1 },
      { intervalMs: 7 * DAY_MS, keep: 1 },
      { intervalMs: 31 * DAY_MS, months: 1, keep: 1 },
    );
    const moment = fc.integer({ min: time(1), max: time(120) });
    const revision = fc.record({ atMs: moment, slotMs: fc.option(moment), isGood: fc.boolean() });
    const cases = fc.record({
      rule: rules,
      zone: fc.constantFrom('UTC', 'Europe/Berlin').map(zoneOf),
      revisions: fc.array(revision, { maxLength: 6 }),
      nowMs: moment,
    });
    const property = fc.property(cases, ({ rule, zone: place, revisions, nowMs }) => {
      const schedule: Schedule = new Map([['tag', rule]]);
      const records = revisions.map(({ atMs, slotMs, isGood }) =>
        makeRecord({
          tags: ['tag'],
          timestamp: new Date(atMs).toISOString(),
          trust: isGood ? 'trusted' : 'distrusted',
          ...(slotMs === null ? {} : { slot: new Date(slotMs).toISOString() }),
        }),
      );
      const [state] = healthOf(schedule, records.map(takenOf), { nowMs, sinceMs, zone: place });
      const { isDue, dueMs, isOverdue, overdueMs, lastGoodMs } = state ?? expect.unreachable();
      expect(isDue).toBe(dueTags(schedule, records, new Date(nowMs), place).length > 0);
      expect(isDue).toBe(dueMs <= nowMs);
      expect(overdueMs).toBeGreaterThanOrEqual(dueMs);
      expect(isOverdue).toBe(overdueMs <= nowMs);
      // Two slots without a revision are never passed over, unless one from the future is in the second.
      const slots = createSlots(rule, place);
      const { startMs } = slots(slots(nowMs).startMs - 1);
      const carried = records.some(({ slot }) => slot !== undefined);
      if (isDue && lastGoodMs !== undefined && lastGoodMs < startMs && !carried) expect(isOverdue).toBe(true);
    });
    fc.assert(property, { numRuns: 2000 });
  });
});
