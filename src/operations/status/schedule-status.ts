import { statSync } from 'node:fs';
import type { Taken } from '../../domain/schedule.ts';
import { isoTime } from '../../domain/time-span.ts';
import { isBackyError } from '../../errors.ts';
import { fromNodeError } from '../../io-error.ts';
import type { Layout } from '../../repository/layout.ts';

/** Whether the backups that should be there are there. */
export interface ScheduleStatus {
  /** The time zone whose calendar the schedule goes by; null: that of this machine. */
  readonly timeZone: string | null;
  /** In the order of the configuration. Without any, nothing will ever be backed up. */
  readonly tags: readonly TagStatus[];
  /** The problem of the configuration, if it hides the schedule. */
  readonly problem?: string;
}

/** The state of one tag of the schedule. Times are ISO 8601, UTC. */
export interface TagStatus {
  readonly tag: string;
  /** When the newest good revision that carries it was taken; null: there is none. */
  readonly lastGood: string | null;
  /** Whether the next backup takes it. */
  readonly due: boolean;
  /** Since when it is due, or from when it will be. */
  readonly dueAt: string;
  /** Whether a backup that should have been there is missing. */
  readonly overdue: boolean;
  /** Since when it is overdue, or from when it will be, if no revision is taken. */
  readonly overdueAt: string;
}

/** Compares what there is with the schedule. What is wrong with the configuration is no failure, but told. */
export async function scheduleStatus(
  layout: Layout,
  revisions: readonly Taken[],
  now: Date,
): Promise<ScheduleStatus> {
  try {
    // Only now: this brings the YAML parser along.
    const [{ loadConfig }, { healthOf }, { zoneOf }] = await Promise.all([
      import('../../config/load-config.ts'),
      import('../../domain/schedule-health.ts'),
      import('../../domain/time-zone.ts'),
    ]);
    const { schedule, timeZone } = await loadConfig(layout.config);
    // Nothing tells better since when revisions are expected.
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

/** The tags that are overdue. */
export function overdueTags({ tags }: ScheduleStatus): readonly string[] {
  return tags.filter(({ overdue }) => overdue).map(({ tag }) => tag);
}
