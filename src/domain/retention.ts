import type { RevisionRecord } from './revision.ts';
import { CLOCK_TOLERANCE_MS, type Schedule, type Taken, takenOf } from './schedule.ts';
import { isManualTag } from './tags.ts';

/** The facts of a revision that decide whether it is kept. */
export interface Retainable extends Taken {
  readonly uuid: string;
  /** End of the hold in milliseconds since 1970; infinite for a hold without an end. */
  readonly heldUntilMs?: number;
}

/** A reason to keep or remove a revision. Ranks count from 1, the newest. */
export type Reason =
  | { readonly because: 'in-schedule'; readonly tag: string; readonly rank: number; readonly keep: number }
  | { readonly because: 'young'; readonly tag: string; readonly keep: number; readonly intervalMs: number }
  | { readonly because: 'unknown-tag'; readonly tag: string }
  | { readonly because: 'manual'; readonly tag: string }
  | { readonly because: 'held'; readonly untilMs: number }
  | { readonly because: 'in-doubt' }
  | { readonly because: 'last-good' }
  | { readonly because: 'expired'; readonly tag: string; readonly rank: number; readonly keep: number }
  | { readonly because: 'untagged' };

/** The decision about one revision. */
export interface RetentionVerdict {
  readonly uuid: string;
  readonly kept: boolean;
  /** The tags that it loses because they no longer keep it. */
  readonly expiredTags: readonly string[];
  /** The reasons for the decision; never empty. */
  readonly reasons: readonly Reason[];
}

/** A sign that the plan is implausible. It then needs a confirmation. */
export type Alarm =
  | { readonly alarm: 'clock'; readonly newestMs: number; readonly nowMs: number }
  | { readonly alarm: 'half'; readonly removed: number; readonly revisions: number };

/** The plan of an expiry. */
export interface RetentionPlan {
  /** One for each revision, in the same order. */
  readonly verdicts: readonly RetentionVerdict[];
  readonly alarm?: Alarm;
}

/**
 * Decides which revisions expire. The function is pure: the same history always gives the same plan.
 *
 * A tag stays on the newest `keep` good revisions that carry it, and on all that are younger than `keep` intervals.
 * A revision is removed if no tag is left on it, unless it is the newest good one, is held or is distrusted. A tag that is
 * missing from the schedule keeps its revision, so that renaming a tag removes nothing.
 *
 * @param revisions oldest first
 */
export function planRetention(
  schedule: Schedule,
  revisions: readonly Retainable[],
  nowMs: number,
): RetentionPlan {
  const places = rankTags(schedule, revisions);
  const lastGood = revisions.findLast(({ isGood }) => isGood);
  const verdicts = revisions.map((revision, index) =>
    judge(revision, {
      schedule,
      places: places[index] ?? NO_PLACES,
      isLastGood: revision === lastGood,
      nowMs,
    }),
  );
  const alarm = findAlarm(revisions, verdicts, nowMs);
  return { verdicts, ...(alarm ? { alarm } : {}) };
}

/** The facts of a record that decide about retention. */
export function retainableOf(record: RevisionRecord): Retainable {
  const { uuid, hold } = record;
  const heldUntilMs = hold
    ? hold.until === null
      ? Number.POSITIVE_INFINITY
      : Date.parse(hold.until)
    : undefined;
  const facts = { uuid, ...takenOf(record) };
  return heldUntilMs === undefined ? facts : { ...facts, heldUntilMs };
}

/** The rank of a revision among the good ones with a tag, by tag. */
type Places = ReadonlyMap<string, number>;

const NO_PLACES: Places = new Map();

function rankTags(schedule: Schedule, revisions: readonly Retainable[]): readonly Places[] {
  const counts = new Map<string, number>();
  return revisions
    .toReversed()
    .map(({ tags, isGood }) => {
      const places = new Map<string, number>();
      // A distrusted revision must not take the place of a good one.
      if (!isGood) return places;
      for (const tag of tags) {
        if (!schedule.has(tag) || places.has(tag)) continue;
        const rank = (counts.get(tag) ?? 0) + 1;
        counts.set(tag, rank);
        places.set(tag, rank);
      }
      return places;
    })
    .reverse();
}

interface Case {
  readonly schedule: Schedule;
  readonly places: Places;
  readonly isLastGood: boolean;
  readonly nowMs: number;
}

function judge(revision: Retainable, { schedule, places, isLastGood, nowMs }: Case): RetentionVerdict {
  const { uuid, tags, takenAtMs, isGood, heldUntilMs } = revision;
  const kept: Reason[] = [];
  const expired: Extract<Reason, { because: 'expired' }>[] = [];
  for (const tag of tags) {
    const rule = schedule.get(tag);
    const rank = places.get(tag);
    if (!rule) {
      kept.push({ because: isManualTag(tag) ? 'manual' : 'unknown-tag', tag });
    } else if (rank !== undefined) {
      const { keep, intervalMs } = rule;
      if (rank <= keep) kept.push({ because: 'in-schedule', tag, rank, keep });
      else if (nowMs - takenAtMs <= keep * intervalMs) kept.push({ because: 'young', tag, keep, intervalMs });
      else expired.push({ because: 'expired', tag, rank, keep });
    }
  }
  if (!isGood) kept.push({ because: 'in-doubt' });
  if (isLastGood) kept.push({ because: 'last-good' });
  if (heldUntilMs !== undefined && heldUntilMs > nowMs) kept.push({ because: 'held', untilMs: heldUntilMs });
  const expiredTags = expired.map(({ tag }) => tag);
  if (kept.length > 0) return { uuid, kept: true, expiredTags, reasons: kept };
  return {
    uuid,
    kept: false,
    expiredTags,
    reasons: expired.length > 0 ? expired : [{ because: 'untagged' }],
  };
}

/** Detects a wrong clock or a mistake in the schedule, which would remove too much. */
function findAlarm(
  revisions: readonly Retainable[],
  verdicts: readonly RetentionVerdict[],
  nowMs: number,
): Alarm | undefined {
  // A revision with a date in the future proves that the clock is or was wrong.
  const newestMs = revisions.reduce(
    (newest, { takenAtMs }) => Math.max(newest, takenAtMs),
    Number.NEGATIVE_INFINITY,
  );
  if (newestMs - nowMs > CLOCK_TOLERANCE_MS) return { alarm: 'clock', newestMs, nowMs };
  const removed = verdicts.filter(({ kept }) => !kept).length;
  if (removed * 2 > revisions.length) return { alarm: 'half', removed, revisions: revisions.length };
  return undefined;
}
