import { afterAll, describe, expect, it } from 'vitest';
import { planRetention, retainableOf } from '../../src/domain/retention.ts';
import type { RevisionRecord } from '../../src/domain/revision.ts';
import { inOrderOfTaking } from '../../src/domain/revision-order.ts';
import { dueTags, type Schedule } from '../../src/domain/schedule.ts';
import { backup } from '../../src/operations/backup/backup.ts';
import { status } from '../../src/operations/status/status.ts';
import { PATIENCE_MS, pointsOr, report } from './scale.ts';
import { makeRecord, workbench } from './tests.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FIRST_YEAR = 2010;
/** Simulated years for each zone. */
const years = Math.min(pointsOr(1), 20);

/** Summer time to and fro, in both hemispheres, by 30 minutes and by two hours, in winter, for Ramadan, given up. */
const ZONES = [
  'Europe/Berlin',
  'Europe/Dublin',
  'America/New_York',
  'America/St_Johns',
  'America/Sao_Paulo',
  'America/Santiago',
  'Africa/Casablanca',
  'Asia/Tehran',
  'Asia/Gaza',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Pacific/Chatham',
  'Antarctica/Troll',
];

const schedule: Schedule = new Map([
  ['hourly', { intervalMs: HOUR_MS, keep: 24 }],
  ['daily', { intervalMs: DAY_MS, keep: 9 }],
  ['weekly', { intervalMs: 7 * DAY_MS, keep: 5 }],
  ['monthly', { intervalMs: 30 * DAY_MS, keep: 4 }],
  ['calendar', { intervalMs: 31 * DAY_MS, months: 1, keep: 4 }],
  ['yearly', { intervalMs: 366 * DAY_MS, months: 12, keep: 2 }],
]);

describe('the hours of a wall clock, through every change of time', () => {
  const before = process.env.TZ;
  afterAll(() => {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  });

  it.each(ZONES)(
    'in %s no run is doubled, none is missed, no revision lost (I30)',
    (zone) => {
      process.env.TZ = zone;
      const { runs, polls, changes, violations } = liveThrough(FIRST_YEAR, years);
      report('time', { zone, years, polls, changes, backups: runs, violations: violations.length });
      expect(violations).toEqual([]);
      expect(polls).toBeGreaterThan(years * 365 * 24 - 1);
      // Otherwise the zone was not what it claims to be; some give it up in later years.
      expect(changes).toBeGreaterThan(0);
    },
    PATIENCE_MS,
  );
});

/** A timer that goes off whenever the wall clock shows a full hour: twice for one that does not exist, in summer. */
function liveThrough(firstYear: number, count: number) {
  const violations: string[] = [];
  const runsIn = new Map<string, Map<string, number>>([...schedule.keys()].map((tag) => [tag, new Map()]));
  let lastHourly: number | undefined;
  const taken = new Map<string, number>();
  let present: readonly RevisionRecord[] = [];
  let [runs, polls, changes] = [0, 0, 0];
  let offset = new Date(firstYear, 0, 1).getTimezoneOffset();
  for (let hour = 0; ; hour += 1) {
    const now = new Date(firstYear, 0, 1, hour);
    if (now.getFullYear() >= firstYear + count) {
      for (const [tag, slots] of runsIn) violations.push(...irregular(tag, slots));
      return { runs, polls, changes, violations };
    }
    polls += 1;
    if (now.getTimezoneOffset() !== offset) changes += 1;
    offset = now.getTimezoneOffset();
    const tags = dueTags(schedule, present, now);
    const nowMs = now.getTime();
    for (const [tag, slots] of runsIn) {
      const slot = SLOT_NAMES[tag]?.(now) ?? '';
      slots.set(slot, (slots.get(slot) ?? 0) + (tags.includes(tag) ? 1 : 0));
    }
    if (tags.includes('hourly')) {
      // The timer is silent for three hours where two come twice.
      const sinceMs = nowMs - (lastHourly ?? nowMs - HOUR_MS);
      if (sinceMs < HOUR_MS / 2 || sinceMs > 3 * HOUR_MS)
        violations.push(`hourly at ${now.toISOString()} comes ${sinceMs} ms after the one before`);
      lastHourly = nowMs;
    }
    if (tags.length === 0) continue;
    runs += 1;
    for (const tag of tags) {
      taken.set(tag, (taken.get(tag) ?? 0) + 1);
    }
    const uuid = `01a20b77-805a-7000-8000-${String(runs).padStart(12, '0')}`;
    present = expire(
      [...present, makeRecord({ uuid, timestamp: now.toISOString(), tags })],
      nowMs,
      violations,
    );
    checkKept(present, taken, violations);
  }
}

/** The slot of each tag as the calendar on the wall has it. What is hourly is looked at apart. */
const SLOT_NAMES: Readonly<Record<string, (now: Date) => string>> = {
  daily: (now) => String(dayOf(now)),
  weekly: (now) => String(Math.floor((dayOf(now) + 3) / 7)),
  monthly: (now) => String(Math.floor(dayOf(now) / 30)),
  calendar: (now) => `${now.getFullYear()}-${now.getMonth()}`,
  yearly: (now) => String(now.getFullYear()),
};

/** The days since 1970-01-01, a Thursday. */
function dayOf(now: Date): number {
  return Date.UTC(now.getFullYear(), now.getMonth(), now.getDate()) / DAY_MS;
}

/** Exactly one run in each slot. */
function irregular(tag: string, slots: ReadonlyMap<string, number>): readonly string[] {
  if (tag === 'hourly') return [];
  return [...slots].flatMap(([slot, count]) => (count === 1 ? [] : [`${tag} ran ${count} times in ${slot}`]));
}

function expire(
  revisions: readonly RevisionRecord[],
  nowMs: number,
  violations: string[],
): readonly RevisionRecord[] {
  const { verdicts, alarm } = planRetention(schedule, revisions.map(retainableOf), nowMs);
  if (alarm) violations.push(`alarm at ${new Date(nowMs).toISOString()}: ${alarm.alarm}`);
  return revisions.flatMap((record, index) => {
    const verdict = verdicts[index];
    if (!verdict?.kept) return [];
    const tags = record.tags.filter((tag) => !verdict.expiredTags.includes(tag));
    return [tags.length === record.tags.length ? record : { ...record, tags }];
  });
}

/** Checks that each tag has as many revisions as its schedule keeps, or all that were ever taken. */
function checkKept(
  present: readonly RevisionRecord[],
  taken: ReadonlyMap<string, number>,
  violations: string[],
): void {
  for (const [tag, { keep }] of schedule) {
    const count = present.filter(({ tags }) => tags.includes(tag)).length;
    if (count < Math.min(keep, taken.get(tag) ?? 0)) violations.push(`only ${count} are left of ${tag}`);
  }
}

describe('a clock that jumps between runs', () => {
  const jumps = [HOUR_MS, DAY_MS, 3652 * DAY_MS].flatMap((length) => [length, -length]);
  const cases = jumps.flatMap((jump) => [0, 1, 2, 5].map((stays) => [jump / HOUR_MS, stays] as const));

  it.each(cases)(
    'by %d hours for %d runs: no revision lost, no run doubled (I20, I30, F12)',
    async (hours, stays) => {
      const bench = workbench();
      let [runs, expired] = [0, 0];
      let before: readonly RevisionRecord[] = [];
      /** Runs when the timer goes off, and once more at once. */
      const tick = async (hoursLater: number): Promise<void> => {
        bench.now = new Date(bench.now.getTime() + hoursLater * HOUR_MS);
        const done = await backup(bench.context);
        expect(await backup(bench.context), 'a second run at the same time').toBeUndefined();
        const { revisions } = await status(bench.context);
        const now = revisions.map(({ uuid }) => uuid);
        const owed = done ? newestOfEachTag([...before, done.record]) : before;
        expect(now).toEqual(expect.arrayContaining(owed.map(({ uuid }) => uuid)));
        runs += done ? 1 : 0;
        expired += before.filter(({ uuid }) => !now.includes(uuid)).length;
        before = revisions;
      };
      for (let day = 0; day < 12; day += 1) await tick(24);
      const runsBefore = runs;
      bench.now = new Date(bench.now.getTime() + hours * HOUR_MS);
      for (let run = 0; run < stays; run += 1) await tick(1);
      bench.now = new Date(bench.now.getTime() - (hours + stays) * HOUR_MS);
      await tick(1);
      // However far it jumped, that is good for one run, and one more when it is right again.
      expect(runs - runsBefore).toBeLessThanOrEqual(2);
      for (let day = 0; day < 4; day += 1) await tick(24);
      // The service is not put to sleep.
      expect(runs - runsBefore).toBeGreaterThanOrEqual(2);
      report('clock-jumps', { hours, runsWhileWrong: stays, backups: runs, expired, violations: 0 });
    },
  );
});

/** Revisions that a workbench keeps whatever the clock says: the newest three of each tag. */
function newestOfEachTag(records: readonly RevisionRecord[]): readonly RevisionRecord[] {
  const sorted = inOrderOfTaking(records);
  return ['daily', 'weekly'].flatMap((tag) => sorted.filter(({ tags }) => tags.includes(tag)).slice(-3));
}
