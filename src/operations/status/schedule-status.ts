import { statSync } from 'node:fs';
import type { Taken } from '../../domain/schedule.ts';
import { isoTime } from '../../domain/time-span.ts';
import { isBackyError } from '../../errors.ts';
import { fromNodeError } from '../../io-error.ts';
import type { Layout } from '../../repository/layout.ts';

/** The state of all tags of the schedule. */
export interface ScheduleStatus {
  /** The time zone of the schedule; null for that of this machine. */
  readonly timeZone: string | null;
  /** In the order of the configuration. An empty schedule never causes a backup. */
  readonly tags: readonly TagStatus[];
  /** The error of the configuration. Absent if it is valid. */
  readonly problem?: string;
}

/** The state of one tag of the schedule. Times are ISO 8601, UTC. */
export interface TagStatus {
  readonly tag: string;
  /** Time of the newest good revision with this tag; null if there is none. */
  readonly lastGood: string | null;
  /** Whether the next backup takes it. */
  readonly due: boolean;
  /** The moment at which it became due, or will become due. */
  readonly dueAt: string;
  /** Whether an expected backup is missing. */
  readonly overdue: boolean;
  /** The moment at which it became overdue, or will if no revision is taken. */
  readonly overdueAt: string;
}

/** Compares the revisions with the schedule. An invalid configuration is part of the result, not an error. */
export async function scheduleStatus(
  layout: Layout,
  revisions: readonly Taken[],
  now: Date,
): Promise<ScheduleStatus> {
  try {
    // Loaded late, because this brings the YAML parser along.
    const [{ loadConfig }, { healthOf }, { zoneOf }] = await Promise.all([
      import('../../config/load-config.ts'),
      import('../../domain/schedule-health.ts'),
      import('../../domain/time-zone.ts'),
    ]);
    const { schedule, timeZone } = await loadConfig(layout.config);
    // The time of the configuration is the best known start of the schedule.
    const sinceMs = Date.parse(isoTime(statSync(layout.config).mtimeMs));
    const viewpoint = { nowMs: now.getTime(), sinceMs, zone: zoneOf(timeZone) };
    const tags = healthOf(schedule, revisions, viewpoint).map(
      ({ tag, lastGoodMs, isDue, dueMs, isOverdue, overdueMs }): TagStatus => ({
        tag,
        lastGood: lastGoodMs === undefined ? null : isoTime(lastGoodMs),
        due: isDue,
        dueAt: isoTime(dueMs),
        overdue: isOverdue,
        overdueAt: isoTime(overdueMs),
      }),
    );
    return { timeZone: timeZone ?? null, tags };
  } catch (thrown) {
    const error = fromNodeError(thrown);
    if (!isBackyError(error)) throw error;
    return { timeZone: null, tags: [], problem: error.message };
  }
}

/** Returns the names of the overdue tags. */
export function overdueTags({ tags }: ScheduleStatus): readonly string[] {
  return tags.filter(({ overdue }) => overdue).map(({ tag }) => tag);
}
