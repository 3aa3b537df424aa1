import { DAY_MS } from './duration.ts';
import { isGood, type RevisionRecord, takenAt } from './revision.ts';
import { createSlots, halfOf, holds, type Slot, type SlotRule } from './slots.ts';
import { type Zone, zoneOf } from './time-zone.ts';

/** The rule for one tag. */
export interface ScheduleRule extends SlotRule {
  /** Number of revisions to keep with the tag. */
  readonly keep: number;
}

/** The number that keeps all revisions. */
export const KEEP_ALL: number = Number.MAX_SAFE_INTEGER;

/** The rules by tag, in the order of the configuration. */
export type Schedule = ReadonlyMap<string, ScheduleRule>;

/** Retention raises an alarm if a revision is dated further in the future than this, in milliseconds. */
export const CLOCK_TOLERANCE_MS: number = DAY_MS;

/** The message for a schedule without tags. */
export const NOTHING_EVER = 'the schedule has no tags: nothing will ever be backed up';

/** The facts of a revision that the schedule uses. */
export interface Taken {
  /** Milliseconds since 1970. */
  readonly takenAtMs: number;
  /** A moment of the requested slot; absent if no slot was requested. */
  readonly slotMs?: number;
  readonly tags: readonly string[];
  /** Whether it is reliable. */
  readonly isGood: boolean;
}

/** The facts of a record that the schedule uses. */
export function takenOf(record: RevisionRecord): Taken {
  const { tags, slot } = record;
  const facts = { takenAtMs: takenAt(record), tags, isGood: isGood(record) };
  return slot === undefined ? facts : { ...facts, slotMs: Date.parse(slot) };
}

/** Whether a revision belongs to a slot: it was taken in it or requested for it. */
export function isOfSlot({ takenAtMs, slotMs }: Taken, slot: Slot): boolean {
  return holds(slot, takenAtMs) || (slotMs !== undefined && holds(slot, slotMs));
}

/** The good revisions that carry a tag. */
export function carriersOf(tag: string, revisions: readonly Taken[]): readonly Taken[] {
  return revisions.filter(({ isGood: good, tags }) => good && tags.includes(tag));
}

/**
 * Time of the newest revision, in milliseconds since 1970; undefined if there is none. Ignores dates after `nowMs`, which
 * come from a wrong clock.
 */
export function newestAt(revisions: readonly Taken[], nowMs: number): number | undefined {
  const newest = revisions.reduce(
    (latest, { takenAtMs }) => (takenAtMs > nowMs ? latest : Math.max(latest, takenAtMs)),
    Number.NEGATIVE_INFINITY,
  );
  return Number.isFinite(newest) ? newest : undefined;
}

/**
 * The tags that are due: the current slot has no good revision with the tag, and the newest good revision with it is at
 * least half a slot old. So a run that starts some seconds early or late skips nothing.
 */
export function dueTags(
  schedule: Schedule,
  revisions: readonly RevisionRecord[],
  now: Date,
  zone: Zone = zoneOf(),
): readonly string[] {
  const nowMs = now.getTime();
  const taken = revisions.map(takenOf);
  return [...schedule]
    .filter(([tag, rule]) => {
      const slot = createSlots(rule, zone)(nowMs);
      const carriers = carriersOf(tag, taken);
      if (carriers.some((revision) => isOfSlot(revision, slot))) return false;
      const newestMs = newestAt(carriers, nowMs);
      return newestMs === undefined || nowMs - newestMs >= halfOf(slot);
    })
    .map(([tag]) => tag);
}

/**
 * Those of the given tags that no good revision of a slot carries. A tag outside the schedule has no slots; it counts as
 * present if a revision was requested for exactly the same moment.
 *
 * @param slotMs a moment of the slot
 */
export function missingTags(
  tags: readonly string[],
  slotMs: number,
  { schedule, revisions, zone }: { schedule: Schedule; revisions: readonly RevisionRecord[]; zone: Zone },
): readonly string[] {
  const taken = revisions.map(takenOf);
  return tags.filter((tag) => {
    const rule = schedule.get(tag);
    const slot = rule && createSlots(rule, zone)(slotMs);
    const isDone = (revision: Taken): boolean =>
      slot ? isOfSlot(revision, slot) : revision.slotMs === slotMs;
    return !carriersOf(tag, taken).some(isDone);
  });
}
