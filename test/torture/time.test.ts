import { afterAll, describe, expect, it } from 'vitest';
import { planRetention, retainableOf } from '../../src/domain/retention.ts';
import { byAge, type RevisionRecord } from '../../src/domain/revision.ts';
import { dueTags, type Schedule } from '../../src/domain/schedule.ts';
import { backup } from '../../src/operations/backup.ts';
import { status } from '../../src/operations/status.ts';
import { workbench } from '../unit/operations/workbench.ts';
import { makeRecord } from '../unit/records.ts';
import { PATIENCE_MS, pointsOr, report } from './scale.ts';

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
]);

describe('the hours of a wall clock, through every change of time', () => {
  const before = process.env.TZ;
  afterAll(() => {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  });

  it.each(ZONES)(
    'in %s no run is doubled, none is missed, no revision lost (I30, G12)',
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
  const lastRun = new Map<string, number>();
  const taken = new Map<string, number>();
  let present: readonly RevisionRecord[] = [];
  let [runs, polls, changes] = [0, 0, 0];
  let [previousMs, offset] = [Number.NaN, new Date(firstYear, 0, 1).getTimezoneOffset()];
  for (let hour = 0; ; hour += 1) {
    const now = new Date(firstYear, 0, 1, hour);
    if (now.getFullYear() >= firstYear + count) return { runs, polls, changes, violations };
    polls += 1;
    if (now.getTimezoneOffset() !== offset) changes += 1;
    offset = now.getTimezoneOffset();
    const tags = dueTags(schedule, present, now);
    const nowMs = now.getTime();
    checkPunctual(tags, { nowMs, previousMs, lastRun }, violations);
    previousMs = nowMs;
    if (tags.length === 0) continue;
    runs += 1;
    for (const tag of tags) {
      lastRun.set(tag, nowMs);
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

interface Moment {
  readonly nowMs: number;
  /** When the timer went off before. */
  readonly previousMs: number;
  readonly lastRun: ReadonlyMap<string, number>;
}

/** A tag runs no sooner than its interval after the last time, and at the first opportunity from then on. */
function checkPunctual(tags: readonly string[], moment: Moment, violations: string[]): void {
  const { nowMs, previousMs, lastRun } = moment;
  for (const [tag, { intervalMs }] of schedule) {
    const last = lastRun.get(tag);
    const when = `${tag} at ${new Date(nowMs).toISOString()}`;
    if (last === undefined) continue;
    if (tags.includes(tag) && nowMs - last < intervalMs) violations.push(`${when} is a double run`);
    if (tags.includes(tag) && previousMs - last >= intervalMs) violations.push(`${when} comes late`);
    if (!tags.includes(tag) && nowMs - last >= intervalMs) violations.push(`${when} is missed`);
  }
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

/** Of every tag there are as many as were asked for, or all there ever were. */
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

/** What the schedule of a workbench keeps whatever the clock says: the newest three of each tag. */
function newestOfEachTag(records: readonly RevisionRecord[]): readonly RevisionRecord[] {
  const sorted = [...records].sort(byAge);
  return ['daily', 'weekly'].flatMap((tag) => sorted.filter(({ tags }) => tags.includes(tag)).slice(-3));
}
