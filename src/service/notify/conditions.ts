import { FULL_SOON_MS } from '../../domain/fill-forecast.ts';
import type { Occasion } from '../model/service-config.ts';
import type { ServiceStatus } from '../model/service-status.ts';

/** Something that people want to know while it lasts. */
export interface Condition {
  readonly occasion: Exclude<Occasion, 'recovered'>;
  /** The job, the filesystem, or the configuration. */
  readonly subject: string;
  readonly text: string;
}

/** Everything that is wrong in a state of the service, by a key that stays the same while it lasts. */
export function conditionsOf(status: ServiceStatus, nowMs: number): ReadonlyMap<string, Condition> {
  const conditions = [
    ...status.jobs.flatMap((job): readonly Condition[] => [
      ...(job.failures > 0
        ? [{ occasion: 'failed' as const, subject: job.job, text: job.run?.message ?? 'the last run failed' }]
        : []),
      ...(job.pause === null && job.tags.some(({ overdue }) => overdue > 0)
        ? [{ occasion: 'late' as const, subject: job.job, text: job.reasons[0] ?? 'a backup is missing' }]
        : []),
      ...(job.damaged > 0 || job.newestDistrusted
        ? [{ occasion: 'damaged' as const, subject: job.job, text: 'a revision is damaged or distrusted' }]
        : []),
    ]),
    ...(status.configOk
      ? []
      : [
          {
            occasion: 'config' as const,
            subject: 'configuration',
            text: status.configProblem ?? 'it is refused',
          },
        ]),
    ...status.filesystems.flatMap(({ path, fullAt }): readonly Condition[] =>
      fullAt !== null && Date.parse(fullAt) - nowMs < FULL_SOON_MS
        ? [{ occasion: 'disk', subject: path, text: `it will be full at ${fullAt}` }]
        : [],
    ),
  ];
  return new Map(conditions.map((condition) => [`${condition.occasion} ${condition.subject}`, condition]));
}
