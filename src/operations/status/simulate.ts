import { loadConfig } from '../../config/load-config.ts';
import { DAY_MS } from '../../domain/duration.ts';
import { retainableOf } from '../../domain/retention.ts';
import { isGood, newestGood, type RevisionRecord, takenAt } from '../../domain/revision.ts';
import {
  type ChangeRate,
  DAYS_EXPECTED,
  type Gap,
  isNumberOfDays,
  predictBytes,
  simulate as run,
} from '../../domain/simulation.ts';
import { zoneOf } from '../../domain/time-zone.ts';
import { backyError } from '../../errors.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import type { Context } from '../context.ts';

/** The span to simulate. */
export interface SimulateOptions {
  /** Days into the future: a whole number from 1 to 36525, which is a century. */
  readonly days: number;
  /** Begin with an empty repository instead of the revisions there are. */
  readonly fromNothing?: boolean | undefined;
}

/** The outcome of the schedule. Times are ISO 8601, UTC. */
export interface SimulateResult {
  readonly start: string;
  readonly end: string;
  /** The tags of the schedule; without any, nothing will ever be backed up. */
  readonly tags: readonly string[];
  /** In order of time. */
  readonly backups: readonly PlannedBackup[];
  /** The revisions left at the end, oldest first; today's are among them. */
  readonly kept: readonly PlannedRevision[];
  /** The longest time without a revision to go back to, at the end. */
  readonly largestGap?: { readonly from: string; readonly to: string; readonly seconds: number };
  /** Bytes at the end; absent while nothing is known of how much changes. */
  readonly predictedBytes?: number;
}

/** A backup to come. */
export interface PlannedBackup {
  readonly at: string;
  readonly tags: readonly string[];
}

/** A revision that is left. */
export interface PlannedRevision {
  readonly takenAt: string;
  readonly tags: readonly string[];
  /** Absent when it is still to be taken. */
  readonly uuid?: string;
}

/**
 * Runs the schedule into the future, from the present of the repository. Nothing is changed.
 *
 * @throws BACKY_INVALID_ARGUMENT, BACKY_CONFIG_INVALID, BACKY_IO
 */
export async function simulate(
  { layout, clock }: Context,
  { days, fromNothing = false }: SimulateOptions,
): Promise<SimulateResult> {
  if (!isNumberOfDays(days))
    throw backyError('BACKY_INVALID_ARGUMENT', { detail: `days is ${days}, not ${DAYS_EXPECTED}` });
  const { schedule, timeZone } = await loadConfig(layout.config);
  const { revisions } = await readRevisions(layout);
  const present = fromNothing ? [] : revisions.map(retainableOf);
  const { startMs, endMs, backups, kept, largestGap } = run(schedule, present, {
    startMs: clock().getTime(),
    days,
    zone: zoneOf(timeZone),
  });
  const known = new Set(revisions.map(({ uuid }) => uuid));
  const rate = changeRate(revisions);
  const times = kept.map(({ takenAtMs }) => takenAtMs);
  return {
    start: iso(startMs),
    end: iso(endMs),
    tags: [...schedule.keys()],
    backups: backups.map(({ atMs, tags }) => ({ at: iso(atMs), tags })),
    kept: kept.map(({ uuid, takenAtMs, tags }) => ({
      takenAt: iso(takenAtMs),
      tags,
      ...(known.has(uuid) ? { uuid } : {}),
    })),
    ...(largestGap ? { largestGap: describeGap(largestGap) } : {}),
    ...(rate ? { predictedBytes: predictBytes(times, rate) } : {}),
  };
}

function describeGap({ fromMs, toMs }: Gap) {
  return { from: iso(fromMs), to: iso(toMs), seconds: (toMs - fromMs) / 1000 };
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** From what the good revisions wrote: the first one a whole image, each further one what had changed by then. */
function changeRate(revisions: readonly RevisionRecord[]): ChangeRate | undefined {
  const good = revisions.filter(isGood);
  const [first, ...others] = good;
  const newest = newestGood(good);
  if (!first || !newest) return undefined;
  const passedDays = (takenAt(newest) - takenAt(first)) / DAY_MS;
  const written = others.reduce((sum, { stats }) => sum + stats.bytesWritten, 0);
  return {
    imageBytes: newest.size - newest.stats.bytesZero,
    bytesPerDay: passedDays > 0 ? written / passedDays : 0,
  };
}
