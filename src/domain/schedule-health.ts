import { carriersOf, isOfSlot, newestAt, type Schedule, type ScheduleRule, type Taken } from './schedule.ts';
import { createSlots, dueIn, halfOf, type Slot } from './slots.ts';
import type { Zone } from './time-zone.ts';

/** How a tag stands. Times in milliseconds since 1970. */
export interface TagHealth {
  readonly tag: string;
  /** When the newest good revision that carries it was taken; absent: there is none. */
  readonly lastGoodMs?: number;
  /** Whether the next backup takes it. */
  readonly isDue: boolean;
  /** Since when it is due, or from when it will be. */
  readonly dueMs: number;
  /** Whether a backup that should have been there is missing. */
  readonly isOverdue: boolean;
  /** Since when it is overdue, or from when it will be, if no revision is taken. */
  readonly overdueMs: number;
}

/** From where one looks at a schedule. */
export interface Viewpoint {
  readonly nowMs: number;
  /** Since when revisions are expected: a tag that was never taken is due since then. */
  readonly sinceMs: number;
  readonly zone: Zone;
}

/**
 * How each tag of a schedule stands. A tag is overdue when the newest good revision that carries it is one and a half
 * slots old, or when a whole slot has passed without one, whichever comes first. So it is never overdue before the
 * middle of the slot in which a revision is missing, and always after its end, at whatever hour the runs are.
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

/** @param missing the slot in which a revision is expected @param fromMs when the one before was taken */
function overdueIn(missing: Slot, fromMs: number): number {
  return Math.min(missing.endMs, fromMs + 3 * halfOf(missing));
}
