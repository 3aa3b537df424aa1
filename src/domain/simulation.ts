import { backyError } from '../errors.ts';
import { DAY_MS } from './duration.ts';
import type { Retainable } from './retention.ts';
import { keep } from './retention-keeper.ts';
import { carriersOf, isOfSlot, newestAt, type Schedule, type Taken } from './schedule.ts';
import { createSlots, dueIn, type Slots } from './slots.ts';
import { type Zone, zoneOf } from './time-zone.ts';

/** Limit of simulated backups, which are all kept in memory. */
const MOST_BACKUPS = 1_000_000;
/** A century; a larger number is a typing error. */
const MOST_DAYS = 36_525;

/** The range of days to simulate, for messages. */
export const DAYS_EXPECTED: string = `a whole number from 1 to ${MOST_DAYS}`;

/** Whether a simulation can cover this number of days. */
export function isNumberOfDays(days: number): boolean {
  return Number.isInteger(days) && days >= 1 && days <= MOST_DAYS;
}

/** A backup according to the schedule. Times are in milliseconds since 1970. */
export interface SimulatedBackup {
  readonly atMs: number;
  readonly tags: readonly string[];
}

/** The result of a simulation. */
export interface Simulation {
  readonly startMs: number;
  readonly endMs: number;
  /** In order of time. */
  readonly backups: readonly SimulatedBackup[];
  /** The revisions left at the end, oldest first, including present ones. */
  readonly kept: readonly Retainable[];
  /** The longest time between two neighbours in `kept`, or up to the end; absent if nothing is kept. */
  readonly largestGap?: Gap;
}

/** A time between two revisions, in milliseconds since 1970. */
export interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The time to simulate. */
export interface SimulationSpan {
  readonly startMs: number;
  readonly days: number;
  /** The zone of the schedule; by default that of this machine. */
  readonly zone?: Zone;
}

/**
 * Simulates a schedule: each backup runs at the moment when it is due, followed by an expiry. Backups succeed at once;
 * the simulation has no delays and no failures.
 *
 * @param present the present revisions, oldest first
 * @throws BACKY_USAGE for more than a million backups
 */
export function simulate(
  schedule: Schedule,
  present: readonly Retainable[],
  { startMs, days, zone = zoneOf() }: SimulationSpan,
): Simulation {
  const endMs = startMs + days * DAY_MS;
  const backups: SimulatedBackup[] = [];
  const slots = new Map([...schedule].map(([tag, rule]) => [tag, createSlots(rule, zone)]));
  const dueAt = new Map<string, number>();
  for (const [tag, slotOf] of slots) dueAt.set(tag, firstDue(carriersOf(tag, present), slotOf, startMs));
  const keeper = keep(schedule, present);
  for (let atMs = earliest(dueAt); atMs <= endMs; atMs = earliest(dueAt)) {
    const tags = [...schedule.keys()].filter((tag) => (dueAt.get(tag) ?? endMs) <= atMs);
    for (const tag of tags) {
      const slotOf = slots.get(tag);
      if (slotOf) dueAt.set(tag, dueIn(slotOf(slotOf(atMs).endMs), atMs));
    }
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

/** The rate of changes so far, for predicting disk use. */
export interface ChangeRate {
  /** Data of one whole image, in bytes. */
  readonly imageBytes: number;
  /** Newly written for each day that passed, in bytes. */
  readonly bytesPerDay: number;
}

/**
 * Predicts the disk use of revisions that share unchanged blocks, in bytes: one whole image, plus the changes between each
 * two neighbours. The estimate is an upper bound, because blocks that change twice are counted twice.
 *
 * @param takenAtMs times of the revisions, oldest first
 */
export function predictBytes(takenAtMs: readonly number[], { imageBytes, bytesPerDay }: ChangeRate): number {
  return takenAtMs.reduce((sum, atMs, index) => {
    const before = takenAtMs[index - 1];
    if (before === undefined) return imageBytes;
    return sum + Math.min(imageBytes, Math.round(((atMs - before) / DAY_MS) * bytesPerDay));
  }, 0);
}

/** The first time when a tag is due; a missed backup is due at once. */
function firstDue(carriers: readonly Taken[], slotOf: Slots, startMs: number): number {
  const slot = slotOf(startMs);
  const newestMs = newestAt(carriers, startMs) ?? Number.NEGATIVE_INFINITY;
  if (carriers.some((revision) => isOfSlot(revision, slot))) return dueIn(slotOf(slot.endMs), newestMs);
  return Math.max(startMs, dueIn(slot, newestMs));
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
