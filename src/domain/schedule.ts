import { DAY_MS } from './duration.ts';
import { isGood, type RevisionRecord, takenAt } from './revision.ts';
import { createSlots, halfOf, holds, type Slot, type SlotRule } from './slots.ts';
import { type Zone, zoneOf } from './time-zone.ts';

/** What a schedule says of one tag. */
export interface ScheduleRule extends SlotRule {
  /** How many revisions with the tag are kept. */
  readonly keep: number;
}

/** How many are kept where all are. */
export const KEEP_ALL: number = Number.MAX_SAFE_INTEGER;

/** The rules by tag, in the order of the configuration. */
export type Schedule = ReadonlyMap<string, ScheduleRule>;

/** A revision dated further in the future than this does not count for retention: some clock was wrong. */
export const CLOCK_TOLERANCE_MS: number = DAY_MS;

/** What there is to say of a schedule without tags. */
export const NOTHING_EVER = 'the schedule has no tags: nothing will ever be backed up';

/** What the schedule looks at in a revision. */
export interface Taken {
  /** Milliseconds since 1970. */
  readonly takenAtMs: number;
  /** A moment of the slot that it was asked for; absent: it was not asked for by slot. */
  readonly slotMs?: number;
  readonly tags: readonly string[];
  /** Whether it may be relied upon. */
  readonly isGood: boolean;
}

/** What the schedule looks at in a record. */
export function takenOf(record: RevisionRecord): Taken {
  const { tags, slot } = record;
  const facts = { takenAtMs: takenAt(record), tags, isGood: isGood(record) };
  return slot === undefined ? facts : { ...facts, slotMs: Date.parse(slot) };
}

/** Whether a revision is the one of a slot: it was taken in it, or asked for it. */
export function isOfSlot({ takenAtMs, slotMs }: Taken, slot: Slot): boolean {
  return holds(slot, takenAtMs) || (slotMs !== undefined && holds(slot, slotMs));
}

/** The good revisions that carry a tag. */
export function carriersOf(tag: string, revisions: readonly Taken[]): readonly Taken[] {
  return revisions.filter(({ isGood: good, tags }) => good && tags.includes(tag));
}

/**
 * When the newest of some revisions was taken, in milliseconds since 1970. What is dated after `nowMs` does not count,
 * for some clock was wrong.
 */
export function newestAt(revisions: readonly Taken[], nowMs: number): number | undefined {
  const newest = revisions.reduce(
    (latest, { takenAtMs }) => (takenAtMs > nowMs ? latest : Math.max(latest, takenAtMs)),
    Number.NEGATIVE_INFINITY,
  );
  return Number.isFinite(newest) ? newest : undefined;
}

/**
 * The tags for which it is time: no good revision of the current slot carries them, and the newest good one that does
 * is at least half a slot old. So a run that comes some seconds early or late skips nothing.
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
 * Of some tags those that no good revision of a slot carries. A tag that the schedule does not have has no slots: it is
 * there when it was asked for the very same moment.
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
