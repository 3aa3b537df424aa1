import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RevisionRecord } from '../../../src/domain/revision.ts';
import { dueTags, missingTags, type Schedule } from '../../../src/domain/schedule.ts';
import { createSlots } from '../../../src/domain/slots.ts';
import { zoneOf } from '../../../src/domain/time-zone.ts';
import { isoDay, makeHistory, makeRecord } from '../records.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const UTC = zoneOf('UTC');
const schedule: Schedule = new Map([
  ['daily', { intervalMs: DAY_MS, keep: 9 }],
  ['weekly', { intervalMs: 7 * DAY_MS, keep: 5 }],
]);

function at(day: number): Date {
  return new Date(Date.parse(isoDay(0)) + day * DAY_MS);
}

function due(history: readonly RevisionRecord[], day: number): readonly string[] {
  return dueTags(schedule, history, at(day), UTC);
}

describe('dueTags', () => {
  it('finds everything due in an empty repository', () => {
    expect(due([], 0)).toEqual(['daily', 'weekly']);
  });

  it('goes by the tags, not by the revisions', () => {
    const history = makeHistory({ tags: ['daily', 'weekly'] }, { tags: ['daily'] });
    expect(due(history, 1.99)).toEqual([]);
    expect(due(history, 2)).toEqual(['daily']);
    // 2026-01-05 is a Monday.
    expect(due(history, 4)).toEqual(['daily', 'weekly']);
  });

  it('is due in a new slot, when the newest revision is half a slot old', () => {
    const history = [makeRecord({ tags: ['daily'], timestamp: at(0.75).toISOString() })];
    const rules: Schedule = new Map([['daily', { intervalMs: DAY_MS, keep: 9 }]]);
    expect(dueTags(rules, history, new Date(at(1.25).getTime() - 1), UTC)).toEqual([]);
    expect(dueTags(rules, history, at(1.25), UTC)).toEqual(['daily']);
    const early = [makeRecord({ tags: ['daily'], timestamp: at(0.1).toISOString() })];
    expect(dueTags(rules, early, new Date(at(1).getTime() - 1), UTC)).toEqual([]);
    expect(dueTags(rules, early, at(1), UTC)).toEqual(['daily']);
  });

  it('does not count distrusted revisions (I27)', () => {
    const history = makeHistory({ tags: ['daily', 'weekly'], trust: 'distrusted' });
    expect(due(history, 0.1)).toEqual(['daily', 'weekly']);
  });

  it('is put to sleep for no more than its slot by a revision from the future (I27)', () => {
    const history = makeHistory({ tags: ['daily'], timestamp: at(30.5).toISOString() });
    const rules: Schedule = new Map([['daily', { intervalMs: DAY_MS, keep: 9 }]]);
    for (const day of [0, 29, 29.99]) expect(dueTags(rules, history, at(day), UTC)).toEqual(['daily']);
    expect(dueTags(rules, history, at(30), UTC)).toEqual([]);
    expect(dueTags(rules, history, at(31), UTC)).toEqual(['daily']);
  });

  it('takes nothing twice because the clock was set back', () => {
    const history = [0, 1, 2, 3].map((day) =>
      makeRecord({ tags: ['daily', 'weekly'], timestamp: at(day + 0.1).toISOString() }),
    );
    for (const day of [0.05, 1.2, 2.9, 3]) expect(due(history, day)).toEqual([]);
  });

  it('counts a revision for the slot that it was asked for, too', () => {
    const early = makeRecord({ tags: ['daily'], timestamp: at(0.999).toISOString(), slot: isoDay(1) });
    expect(due([early], 1.8)).toEqual(['weekly']);
    expect(due([early], 2)).toEqual(['daily', 'weekly']);
  });

  it('is quiet right after a revision with all that was due, whatever the history', () => {
    const tags = fc.subarray(['daily', 'weekly', 'other']);
    const record = fc.record({ day: fc.double({ min: 0, max: 20, noNaN: true }), tags });
    fc.assert(
      fc.property(fc.array(record), fc.double({ min: 0, max: 20, noNaN: true }), (records, day) => {
        const history = records.map((r) => makeRecord({ tags: r.tags, timestamp: at(r.day).toISOString() }));
        const taken = makeRecord({ tags: due(history, day), timestamp: at(day).toISOString() });
        expect(due([...history, taken], day)).toEqual([]);
      }),
    );
  });
});

describe('missingTags', () => {
  const revisions = [
    makeRecord({ tags: ['daily', 'manual:run'], timestamp: at(1.1).toISOString(), slot: isoDay(0) }),
    makeRecord({ tags: ['weekly'], timestamp: at(1.2).toISOString(), trust: 'distrusted' }),
  ];
  const missing = (day: number): readonly string[] =>
    missingTags(['daily', 'weekly', 'manual:run'], at(day).getTime(), { schedule, revisions, zone: UTC });

  it('are those that no good revision of the slot carries', () => {
    expect(missing(0.5)).toEqual(['weekly', 'manual:run']);
    expect(missing(1.5)).toEqual(['weekly', 'manual:run']);
    expect(missing(2)).toEqual(['daily', 'weekly', 'manual:run']);
  });

  it('knows a tag without slots by the moment that it was asked for', () => {
    expect(missing(0)).toEqual(['weekly']);
  });
});

/** When a schedule of one tag takes revisions, asked at some moments; nothing is ever removed but what is long past. */
function takenBy(rules: Schedule, moments: Iterable<number>, zone = UTC): readonly number[] {
  const taken: number[] = [];
  let present: RevisionRecord[] = [];
  for (const nowMs of moments) {
    const tags = dueTags(rules, present, new Date(nowMs), zone);
    if (tags.length === 0) continue;
    taken.push(nowMs);
    present = [...present.slice(-3), makeRecord({ tags, timestamp: new Date(nowMs).toISOString() })];
  }
  return taken;
}

describe('a timer that is not punctual', () => {
  const jitter = fc.infiniteStream(fc.integer({ min: 0, max: 4000 }));

  function* timer(startMs: number, stepMs: number, count: number, late: Iterator<number>): Generator<number> {
    for (let run = 0; run < count; run += 1) yield startMs + run * stepMs + (late.next().value ?? 0);
  }

  it('skips no night of a year, whatever the hour', () => {
    const nights = fc.property(fc.integer({ min: 0, max: 1439 }), jitter, (minute, late) => {
      const startMs = Date.UTC(2026, 0, 1, 0, minute);
      const rules: Schedule = new Map([['daily', { intervalMs: DAY_MS, keep: 9 }]]);
      expect(takenBy(rules, timer(startMs, DAY_MS, 365, late[Symbol.iterator]()))).toHaveLength(365);
    });
    fc.assert(nights, { numRuns: 10 });
  });

  it('loses no hour of a window at night, and does not walk around the clock by day', () => {
    const hourly: Schedule = new Map([['hourly', { intervalMs: HOUR_MS, keep: 24 }]]);
    const hours = fc.property(fc.integer({ min: 0, max: 59 }), jitter, (minute, late) => {
      const startMs = Date.UTC(2026, 0, 1, 0, minute);
      const all = [...timer(startMs, HOUR_MS, 24 * 60, late[Symbol.iterator]())];
      const night = all.filter((atMs) => new Date(atMs).getUTCHours() < 6);
      expect(takenBy(hourly, night)).toEqual(night);
      expect(takenBy(hourly, all)).toEqual(all);
    });
    fc.assert(hours, { numRuns: 3 });
  });
});

describe('runs at least every half slot', () => {
  it('give each slot one revision, in any zone, through all changes of the clocks', () => {
    const cases = fc.record({
      zone: fc.constantFrom(
        'Europe/Berlin',
        'America/New_York',
        'America/Sao_Paulo',
        'Australia/Lord_Howe',
        'Pacific/Apia',
      ),
      rule: fc.constantFrom(
        { intervalMs: HOUR_MS, keep: 1 },
        { intervalMs: 6 * HOUR_MS, keep: 1, atMs: 2.5 * HOUR_MS },
        { intervalMs: DAY_MS, keep: 1 },
        { intervalMs: DAY_MS, keep: 1, atMs: 2.5 * HOUR_MS },
        { intervalMs: 7 * DAY_MS, keep: 1 },
        { intervalMs: 31 * DAY_MS, months: 1, keep: 1 },
      ),
      startMs: fc.integer({ min: Date.UTC(2009), max: Date.UTC(2018) }),
      steps: fc.infiniteStream(fc.double({ min: 0.001, max: 1, noNaN: true })),
    });
    const property = fc.property(cases, ({ zone, rule, startMs, steps }) => {
      const slots = createSlots(rule, zoneOf(zone));
      const moments: number[] = [];
      let nowMs = startMs;
      for (const step of steps) {
        moments.push(Math.floor(nowMs));
        if (moments.length === 200) break;
        const { startMs: from, endMs } = slots(Math.floor(nowMs));
        const next = slots(endMs);
        const halfMs = Math.min(endMs - from, next.endMs - next.startMs) / 2;
        nowMs += step * halfMs;
      }
      const taken = takenBy(new Map([['tag', rule]]), moments, zoneOf(zone));
      const starts = (each: readonly number[]): readonly number[] => each.map((atMs) => slots(atMs).startMs);
      const last = slots(Math.floor(nowMs)).startMs;
      // The last slot has not been given its time.
      const all = [...new Set(starts(moments))].filter((start) => start !== last);
      expect(starts(taken).filter((start) => start !== last)).toEqual(all);
    });
    fc.assert(property, { numRuns: 150 });
  });
});

describe('a run every day on the clock of the wall', () => {
  it.each(['Europe/Berlin', 'America/New_York', 'America/Santiago', 'Australia/Sydney', 'Africa/Casablanca'])(
    'takes exactly one revision each day of 20 years in %s',
    (name) => {
      const zone = zoneOf(name);
      const days = Array.from({ length: 20 * 365 }, (_, day) => Date.UTC(2010, 0, 1 + day));
      for (const [hour, atMs] of [
        [2.5, 0],
        [2.5, 2.5 * HOUR_MS],
        [23.75, 0],
      ] as const) {
        const moments = days.map((day) => zone.momentOf(day + hour * HOUR_MS));
        const daily: Schedule = new Map([['daily', { intervalMs: DAY_MS, keep: 9, atMs }]]);
        expect(takenBy(daily, moments, zone)).toEqual(moments);
      }
    },
  );
});
