import { DAY_MS } from './duration.ts';
import { carriersOf, isOfSlot, newestAt, type Schedule, type ScheduleRule, type Taken } from './schedule.ts';
import { createSlots, halfOf, type Slot, type Slots } from './slots.ts';
import type { Zone } from './time-zone.ts';

/** The time over which jobs are spread if their schedule names a time of day, and after an outage. */
const SHORT_SPREAD_MS = 3_600_000;
/** The longest time between two revisions, in slots, unless runs fail. */
const LONGEST_GAP = 1.25;

/** The time at which a tag is to be taken. Milliseconds since 1970. */
export interface TagDue {
  readonly tag: string;
  /** In the future, or in the past since the tag is due. */
  readonly atMs: number;
  /** Whether an earlier slot passed without a revision, or there is none at all. */
  readonly isMissed: boolean;
}

/** The position of a job in time. */
export interface JobClock {
  readonly nowMs: number;
  /** A number from the job's name that tells jobs apart. */
  readonly spreadMs: number;
  /** The moment from which missed tags are caught up: the start of the service, or the first sight of the job. */
  readonly sinceMs: number;
  readonly zone: Zone;
}

/**
 * The time at which each tag of a schedule is to be taken. Each slot has a nominal moment, which depends on the name of
 * the job. A tag is due in a slot from that moment on, unless a good revision of the slot carries it or the newest one
 * is less than half a slot old. If the slot before has no revision either, the tag is due at once, with a delay that
 * depends on the job, so that an outage is not followed by a rush.
 */
export function dueOf(schedule: Schedule, revisions: readonly Taken[], clock: JobClock): readonly TagDue[] {
  return [...schedule].map(([tag, rule]) => ({ tag, ...dueOfTag(rule, carriersOf(tag, revisions), clock) }));
}

/** The tags that are due, and the moment that stands for their slots; undefined if none is. */
export function takenNow(
  due: readonly TagDue[],
  nowMs: number,
): { readonly tags: readonly string[]; readonly slotMs: number; readonly isMissed: boolean } | undefined {
  const now = due.filter(({ atMs }) => atMs <= nowMs);
  if (now.length === 0) return undefined;
  return {
    tags: now.map(({ tag }) => tag),
    // The latest of them lies in the current slot of each tag.
    slotMs: Math.max(...now.map(({ atMs }) => atMs)),
    isMissed: now.every(({ isMissed }) => isMissed),
  };
}

function dueOfTag(rule: ScheduleRule, carriers: readonly Taken[], clock: JobClock): Omit<TagDue, 'tag'> {
  const { nowMs, zone } = clock;
  const slots = createSlots(rule, zone);
  const current = slots(nowMs);
  const newestMs = newestAt(carriers, nowMs);
  const isDone = (slot: Slot): boolean => carriers.some((revision) => isOfSlot(revision, slot));
  if (isDone(current)) return { atMs: inSlot(slots(current.endMs), rule, newestMs, clock), isMissed: false };
  if (isMissedBefore(current, slots, newestMs, isDone))
    return { atMs: caughtUpAt(current, newestMs, clock), isMissed: true };
  return { atMs: inSlot(current, rule, newestMs, clock), isMissed: false };
}

function isMissedBefore(
  current: Slot,
  slots: Slots,
  newestMs: number | undefined,
  isDone: (slot: Slot) => boolean,
): boolean {
  return newestMs === undefined || !isDone(slots(current.startMs - 1));
}

function caughtUpAt(current: Slot, newestMs: number | undefined, { sinceMs, spreadMs }: JobClock): number {
  const jitter = spreadMs % Math.min(SHORT_SPREAD_MS / 12, (current.endMs - current.startMs) / 4);
  return Math.max(current.startMs, halfLater(current, newestMs), sinceMs + jitter);
}

/** The moment in a slot: the nominal one, but neither too soon after the newest revision nor too long after it. */
function inSlot(slot: Slot, rule: ScheduleRule, newestMs: number | undefined, clock: JobClock): number {
  const latestMs = newestMs === undefined ? Number.POSITIVE_INFINITY : longAfter(newestMs, slot, rule, clock);
  return Math.max(Math.min(nominalMs(slot, rule, clock), latestMs), halfLater(slot, newestMs), slot.startMs);
}

/**
 * The latest moment of the next revision. One that was taken early in its slot, to catch up, brings the next one forward,
 * so that the time between the two stays below one and a half intervals. Tags of several days keep their time of day.
 */
function longAfter(newestMs: number, slot: Slot, rule: ScheduleRule, { spreadMs, zone }: JobClock): number {
  const latestMs = newestMs + LONGEST_GAP * (slot.endMs - slot.startMs);
  if (rule.intervalMs <= DAY_MS) return latestMs;
  const timeMs = (rule.atMs ?? 0) + (spreadMs % (rule.atMs === undefined ? DAY_MS : SHORT_SPREAD_MS));
  const wallMs = latestMs + zone.offsetMs(latestMs);
  return zone.momentOf(Math.floor((wallMs - timeMs) / DAY_MS) * DAY_MS + timeMs);
}

function halfLater(slot: Slot, newestMs: number | undefined): number {
  return newestMs === undefined ? slot.startMs : newestMs + halfOf(slot);
}

/**
 * The nominal moment of a slot. Days count on the clocks of the wall, so that daily, weekly and monthly tags of one job
 * fall on the same time of day.
 */
function nominalMs(
  slot: Slot,
  rule: ScheduleRule,
  { spreadMs, zone }: Pick<JobClock, 'spreadMs' | 'zone'>,
): number {
  const longest = rule.atMs === undefined ? Number.POSITIVE_INFINITY : SHORT_SPREAD_MS;
  if (rule.months === undefined && !Number.isInteger(rule.intervalMs / DAY_MS))
    return slot.startMs + (spreadMs % Math.min(slot.endMs - slot.startMs, longest));
  const wall = (atMs: number): number => atMs + zone.offsetMs(atMs);
  const span = Math.min(wall(slot.endMs) - wall(slot.startMs), longest);
  return Math.min(zone.momentOf(wall(slot.startMs) + (spreadMs % span)), slot.endMs - 1);
}
