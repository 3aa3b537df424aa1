import { carriersOf, isOfSlot, newestAt, type Schedule, type ScheduleRule, type Taken } from './schedule.ts';
import { createSlots, dueIn, halfOf, type Slot } from './slots.ts';
import type { Zone } from './time-zone.ts';

/** The state of a tag. Times are in milliseconds since 1970. */
export interface TagHealth {
  readonly tag: string;
  /** Time of the newest good revision with the tag; absent if there is none. */
  readonly lastGoodMs?: number;
  /** Whether the next backup gets the tag. */
  readonly isDue: boolean;
  /** The time when it became due or will become due. */
  readonly dueMs: number;
  /** Whether an expected backup is missing. */
  readonly isOverdue: boolean;
  /** The time when it became overdue, or will become overdue without a new revision. */
  readonly overdueMs: number;
}

/** The point of view for the state of a schedule. */
export interface Viewpoint {
  readonly nowMs: number;
  /** Start of the schedule. A tag without any revision is due since then. */
  readonly sinceMs: number;
  readonly zone: Zone;
}

/**
 * The state of each tag of a schedule. A tag is overdue if its newest good revision is one and a half slots old, or if a
 * whole slot has passed without a revision, whichever comes first. So it is never overdue before the middle of the slot
 * that lacks a revision, and always after its end, at whatever hour backups run.
 */
export function healthOf(
  schedule: Schedule,
  revisions: readonly Taken[],
  viewpoint: Viewpoint,
): readonly TagHealth[] {
  return [...schedule].map(([tag, rule]) => ({
    tag,
    ...tagHealth(rule, carriersOf(tag, revisions), viewpoint),
  }));
}

function tagHealth(
  rule: ScheduleRule,
  carriers: readonly Taken[],
  { nowMs, sinceMs, zone }: Viewpoint,
): Omit<TagHealth, 'tag'> {
  const slots = createSlots(rule, zone);
  const current = slots(nowMs);
  const lastGoodMs = newestAt(carriers, nowMs);
  const isDone = carriers.some((revision) => isOfSlot(revision, current));
  const isDue = !isDone && (lastGoodMs === undefined || nowMs - lastGoodMs >= halfOf(current));
  const fromMs = lastGoodMs ?? Math.min(sinceMs, nowMs);
  const missing = isDone ? slots(current.endMs) : isDue ? slots(slots(fromMs).endMs) : current;
  const dueMs = isDue && lastGoodMs === undefined ? fromMs : dueIn(missing, fromMs);
  const overdueMs = Math.max(dueMs, overdueIn(missing, fromMs));
  const facts = { isDue, dueMs, isOverdue: isDue && nowMs >= overdueMs, overdueMs };
  return lastGoodMs === undefined ? facts : { lastGoodMs, ...facts };
}

/** @param missing the slot that lacks a revision @param fromMs time of the revision before */
function overdueIn(missing: Slot, fromMs: number): number {
  return Math.min(missing.endMs, fromMs + 3 * halfOf(missing));
}
