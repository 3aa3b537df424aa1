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
  /** Number of days: a whole number from 1 to 36525, which is a century. */
  readonly days: number;
  /** Start with an empty repository instead of the existing revisions. */
  readonly fromNothing?: boolean | undefined;
}

/** The outcome of the schedule. Times are ISO 8601, UTC. */
export interface SimulateResult {
  readonly start: string;
  readonly end: string;
  /** The tags of the schedule. An empty schedule never causes a backup. */
  readonly tags: readonly string[];
  /** Oldest first. */
  readonly backups: readonly PlannedBackup[];
  /** The revisions at the end, oldest first, including existing ones. */
  readonly kept: readonly PlannedRevision[];
  /** The longest gap between kept revisions at the end. */
  readonly largestGap?: { readonly from: string; readonly to: string; readonly seconds: number };
  /** Bytes at the end. Absent if the rate of change is unknown. */
  readonly predictedBytes?: number;
}

/** A future backup. */
export interface PlannedBackup {
  readonly at: string;
  readonly tags: readonly string[];
}

/** A revision at the end of the simulation. */
export interface PlannedRevision {
  readonly takenAt: string;
  readonly tags: readonly string[];
  /** Absent for a future revision. */
  readonly uuid?: string;
}

/**
 * Simulates the schedule from the present state of the repository. Changes nothing.
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

/** Estimates the rate from the good revisions: the first wrote a whole image, and each later one its changes. */
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
