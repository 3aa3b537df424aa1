import { backyError } from '../errors.ts';
import { DAY_MS } from './duration.ts';
import type { Retainable } from './retention.ts';
import { keep } from './retention-keeper.ts';
import type { Schedule } from './schedule.ts';

/** More than anybody looks at; all of them are kept in memory. */
const MOST_BACKUPS = 1_000_000;
/** A century: more is a slip of the hand. */
const MOST_DAYS = 36_525;

/** How far ahead one can look, for messages. */
export const DAYS_EXPECTED: string = `a whole number from 1 to ${MOST_DAYS}`;

/** Whether one can look so many days ahead. */
export function isNumberOfDays(days: number): boolean {
  return Number.isInteger(days) && days >= 1 && days <= MOST_DAYS;
}

/** A backup that the schedule would take. Times in milliseconds since 1970. */
export interface SimulatedBackup {
  readonly atMs: number;
  readonly tags: readonly string[];
}

/** What a schedule leads to. */
export interface Simulation {
  readonly startMs: number;
  readonly endMs: number;
  /** In order of time. */
  readonly backups: readonly SimulatedBackup[];
  /** The revisions that are left at the end, oldest first; those of today among them. */
  readonly kept: readonly Retainable[];
  /** The longest time between two neighbours of `kept`, or to the end; absent when nothing is kept. */
  readonly largestGap?: Gap;
}

/** A time without a revision to go back to. */
export interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Runs a schedule into the future: every backup at the moment it is due, and expiry after each. Backups succeed at
 * once; what a real service adds in waiting and failures is not in here.
 *
 * @param present the revisions there are, oldest first
 * @throws BACKY_USAGE for more than a million backups
 */
export function simulate(
  schedule: Schedule,
  present: readonly Retainable[],
  { startMs, days }: { readonly startMs: number; readonly days: number },
): Simulation {
  const endMs = startMs + days * DAY_MS;
  const backups: SimulatedBackup[] = [];
  const dueAt = firstDue(schedule, present, startMs);
  const keeper = keep(schedule, present);
  for (let atMs = earliest(dueAt); atMs <= endMs; atMs = earliest(dueAt)) {
    const tags = [...schedule.keys()].filter((tag) => (dueAt.get(tag) ?? endMs) <= atMs);
    for (const tag of tags) dueAt.set(tag, atMs + (schedule.get(tag)?.intervalMs ?? 0));
    backups.push({ atMs, tags });
    if (backups.length > MOST_BACKUPS) throw tooMany(days);
    keeper.add(newcomer(atMs, tags));
  }
  const kept = keeper.kept();
  const largestGap = findLargestGap(kept, endMs);
  return { startMs, endMs, backups, kept, ...(largestGap ? { largestGap } : {}) };
}

function tooMany(days: number) {
  return backyError('BACKY_USAGE', {
    problem: `In ${days} days the schedule takes more than a million backups`,
    advice: 'Ask for fewer days',
  });
}

/** What a chain of revisions takes, from how much changed so far. */
export interface ChangeRate {
  /** Data of one whole image, in bytes. */
  readonly imageBytes: number;
  /** Newly written for each day that passed, in bytes. */
  readonly bytesPerDay: number;
}

/**
 * Predicts the disk use of revisions that share what did not change: one whole image, and for each further one what
 * changed since the one before it. The longer between them, the more blocks changed twice, so this is at most too much.
 *
 * @param takenAtMs when the revisions were taken, oldest first
 */
export function predictBytes(takenAtMs: readonly number[], { imageBytes, bytesPerDay }: ChangeRate): number {
  return takenAtMs.reduce((sum, atMs, index) => {
    const before = takenAtMs[index - 1];
    if (before === undefined) return imageBytes;
    return sum + Math.min(imageBytes, Math.round(((atMs - before) / DAY_MS) * bytesPerDay));
  }, 0);
}

/** A tag is due its interval after the newest good revision that carries it; what is missed is due at once. */
function firstDue(schedule: Schedule, present: readonly Retainable[], startMs: number): Map<string, number> {
  const dueAt = new Map<string, number>();
  for (const [tag, { intervalMs }] of schedule) {
    const last = present.findLast(
      ({ isGood, tags, takenAtMs }) => isGood && takenAtMs <= startMs && tags.includes(tag),
    );
    dueAt.set(tag, last ? Math.max(startMs, last.takenAtMs + intervalMs) : startMs);
  }
  return dueAt;
}

function earliest(dueAt: ReadonlyMap<string, number>): number {
  return Math.min(...dueAt.values());
}

/** An id that sorts by age, as real ones do. */
function newcomer(takenAtMs: number, tags: readonly string[]): Retainable {
  return { uuid: `simulated-${takenAtMs}`, takenAtMs, tags, isGood: true };
}

function findLargestGap(kept: readonly Retainable[], endMs: number): Gap | undefined {
  const times = [...kept.map(({ takenAtMs }) => takenAtMs), endMs];
  return times
    .slice(1)
    .map((toMs, index): Gap => ({ fromMs: times[index] ?? toMs, toMs }))
    .reduce<Gap | undefined>(
      (widest, gap) => (widest && length(widest) >= length(gap) ? widest : gap),
      undefined,
    );
}

function length({ fromMs, toMs }: Gap): number {
  return toMs - fromMs;
}
