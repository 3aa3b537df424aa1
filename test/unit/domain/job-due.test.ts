import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dueOf, type JobClock, takenNow } from '../../../src/domain/job-due.ts';
import { isOfSlot, type Schedule, type Taken } from '../../../src/domain/schedule.ts';
import { createSlots } from '../../../src/domain/slots.ts';
import { zoneOf } from '../../../src/domain/time-zone.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const start = Date.parse('2026-01-01T00:00:00Z');
const daily: Schedule = new Map([['daily', { intervalMs: DAY, keep: 9 }]]);
const all: Schedule = new Map([
  ['daily', { intervalMs: DAY, keep: 9 }],
  ['weekly', { intervalMs: 7 * DAY, keep: 5 }],
  ['monthly', { intervalMs: 31 * DAY, months: 1, keep: 4 }],
]);

interface Life {
  readonly schedule: Schedule;
  readonly zone: string;
  readonly spreadMs: number;
  readonly days: number;
  /** Whether the service runs at a moment. */
  readonly isUp?: (atMs: number) => boolean;
  /** The delay of a run, by its number. */
  readonly delayMs?: (run: number) => number;
}

/** Lets a job live: it looks at its tags every minute at the latest, and takes what is due. */
function live({ schedule, zone: name, spreadMs, days, isUp = () => true, delayMs = () => 0 }: Life) {
  const zone = zoneOf(name);
  const revisions: Taken[] = [];
  const end = start + days * DAY;
  let sinceMs = start;
  let wasUp = true;
  for (let nowMs = start; nowMs < end; ) {
    if (!isUp(nowMs)) {
      wasUp = false;
      nowMs += 10 * 60_000;
      continue;
    }
    if (!wasUp) sinceMs = nowMs;
    wasUp = true;
    const clock: JobClock = { nowMs, spreadMs, sinceMs, zone };
    const due = dueOf(schedule, revisions.slice(-200), clock);
    const taken = takenNow(due, nowMs);
    if (!taken) {
      const next = Math.min(...due.map(({ atMs }) => atMs));
      nowMs = Math.max(nowMs + 1, Math.min(next, nowMs + 6 * HOUR));
      continue;
    }
    const takenAtMs = nowMs + delayMs(revisions.length);
    revisions.push({ takenAtMs, slotMs: taken.slotMs, tags: taken.tags, isGood: true });
    nowMs = takenAtMs + 1;
  }
  return revisions;
}

/** The number of revisions of each slot from `fromMs` to `toMs` for a tag. */
function perSlot(
  tag: string,
  schedule: Schedule,
  revisions: readonly Taken[],
  zone: string,
  span: [number, number],
) {
  const rule = schedule.get(tag) ?? { intervalMs: DAY };
  const slots = createSlots(rule, zoneOf(zone));
  const counts: number[] = [];
  for (let slot = slots(span[0]); slot.endMs <= span[1]; slot = slots(slot.endMs))
    counts.push(revisions.filter((each) => each.tags.includes(tag) && isOfSlot(each, slot)).length);
  return counts;
}

describe('a job', () => {
  it('takes exactly one revision in each slot of a year, in any zone, at any spread', {
    timeout: 120_000,
  }, () => {
    fc.assert(
      fc.property(
        fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'),
        fc.integer({ min: 0, max: 366 * DAY }),
        fc.constantFrom(undefined, 3 * HOUR, 23.5 * HOUR),
        (zone, spreadMs, atMs) => {
          const rule = { intervalMs: DAY, keep: 9, ...(atMs === undefined ? {} : { atMs }) };
          const schedule: Schedule = new Map([['daily', rule]]);
          const revisions = live({ schedule, zone, spreadMs, days: 366 });
          const counts = perSlot('daily', schedule, revisions, zone, [start, start + 365 * DAY]);
          expect(new Set(counts)).toEqual(new Set([1]));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('neither misses nor doubles a slot when runs are late', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 366 * DAY }),
        fc.array(fc.integer({ min: 0, max: 5 * HOUR }), { minLength: 5, maxLength: 5 }),
        (spreadMs, delays) => {
          const delayMs = (run: number): number => delays[run % delays.length] ?? 0;
          const revisions = live({ schedule: daily, zone: 'Europe/Berlin', spreadMs, days: 120, delayMs });
          const asked = revisions.map(
            ({ slotMs = 0 }) => createSlots({ intervalMs: DAY }, zoneOf('Europe/Berlin'))(slotMs).startMs,
          );
          expect(new Set(asked).size).toBe(asked.length);
          const gaps = asked.slice(1).map((slot, index) => slot - (asked[index] ?? 0));
          // A run that ends in the next slot stands for that slot, too.
          expect(Math.max(...gaps)).toBeLessThanOrEqual(2 * DAY + HOUR);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('takes the daily, weekly and monthly tag at the same time of day, in one run', () => {
    const revisions = live({
      schedule: all,
      zone: 'Europe/Berlin',
      spreadMs: 20 * DAY + 5 * HOUR,
      days: 365,
    });
    const days = new Set(revisions.map(({ takenAtMs }) => Math.floor(takenAtMs / DAY)));
    expect(revisions.length).toBe(days.size);
    for (const tag of all.keys())
      expect(
        new Set(perSlot(tag, all, revisions, 'Europe/Berlin', [start + 31 * DAY, start + 330 * DAY])),
      ).toEqual(new Set([1]));
  });

  it('catches up once after an outage, and goes on as before', () => {
    const outage = [start + 50 * DAY, start + 53 * DAY + 7 * HOUR] as const;
    const isUp = (atMs: number): boolean => atMs < outage[0] || atMs >= outage[1];
    const spreadMs = 20 * HOUR;
    const revisions = live({ schedule: daily, zone: 'UTC', spreadMs, days: 60, isUp });
    const after = revisions
      .filter(({ takenAtMs }) => takenAtMs >= outage[1])
      .map(({ takenAtMs }) => takenAtMs);
    const jitter = spreadMs % (5 * 60_000);
    expect(after[0]).toBeLessThanOrEqual(outage[1] + jitter + 60_000);
    expect(after.slice(3)).toEqual([56, 57, 58, 59].map((day) => start + day * DAY + spreadMs));
    const gaps = after.slice(1).map((time, index) => time - (after[index] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1.25 * DAY);
  });

  it('is due at once when it was never backed up, with a delay of five minutes at most', () => {
    const clock = { nowMs: start, spreadMs: 7 * DAY + 123_456, sinceMs: start, zone: zoneOf('UTC') };
    const [due] = dueOf(daily, [], clock);
    expect(due).toMatchObject({ tag: 'daily', isMissed: true });
    expect((due?.atMs ?? 0) - start).toBeLessThan(5 * 60_000);
  });

  it('stays within an hour of the time of day that its schedule names', () => {
    const schedule: Schedule = new Map([['daily', { intervalMs: DAY, keep: 9, atMs: 3 * HOUR }]]);
    const revisions = live({ schedule, zone: 'UTC', spreadMs: 13 * DAY + 40 * 60_000, days: 10 });
    // The first run came at once, and the second half a slot later.
    const times = revisions.slice(2).map(({ takenAtMs }) => (takenAtMs - start) % DAY);
    expect(new Set(times)).toEqual(new Set([3 * HOUR + 40 * 60_000]));
  });
});
