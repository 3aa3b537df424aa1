import type { Pool, ServiceConfig } from '../model/service-config.ts';
import type { PoolStatus } from '../model/service-status.ts';
import { type Job, poolOf } from './job.ts';

export const POOLS: readonly Pool[] = ['fast', 'slow'];

/** The runs under way, by pool and by place. */
export interface Usage {
  readonly pools: Readonly<Record<Pool, PoolStatus>>;
  readonly places: ReadonlyMap<string, number>;
}

/** Counts the runs under way and those that wait. */
export function usageOf(jobs: Iterable<Job>, { workers }: Pick<ServiceConfig, 'workers'>): Usage {
  const count = { fast: { busy: 0, queued: 0 }, slow: { busy: 0, queued: 0 } };
  const places = new Map<string, number>();
  for (const job of jobs) {
    if (job.pending && !job.running) count[poolOfPending(job)].queued += 1;
    if (!job.running) continue;
    const { pool, place } = job.running;
    count[pool].busy += 1;
    if (place !== undefined) places.set(place, (places.get(place) ?? 0) + 1);
  }
  return {
    pools: { fast: { limit: workers.fast, ...count.fast }, slow: { limit: workers.slow, ...count.slow } },
    places,
  };
}

/** The conditions under which a run may start. */
export interface StartConditions {
  readonly usage: Usage;
  readonly limits: ServiceConfig['limits'];
  readonly canStart: (job: Job) => boolean;
  readonly placeOf: (job: Job) => string | undefined;
}

/** The job of a pool whose run starts next: urgent ones first, then the one that waits longest. */
export function chooseNext(
  pool: Pool,
  jobs: Iterable<Job>,
  { usage, limits, canStart, placeOf }: StartConditions,
): Job | undefined {
  const { busy, limit } = usage.pools[pool];
  if (busy >= limit) return undefined;
  const isFree = (job: Job): boolean => {
    if (limits.size === 0) return true;
    const place = placeOf(job);
    const most = place === undefined ? undefined : limits.get(place);
    return most === undefined || (usage.places.get(place ?? '') ?? 0) < most;
  };
  let best: Job | undefined;
  for (const job of jobs) {
    if (!job.pending || job.running || poolOfPending(job) !== pool) continue;
    if (best && !goesBefore(job, best)) continue;
    if (canStart(job) && isFree(job)) best = job;
  }
  return best;
}

/** A verification takes long, so it never keeps a fast job waiting. */
function poolOfPending(job: Job): Pool {
  return job.pending?.kind === 'verify' ? 'slow' : poolOf(job);
}

function goesBefore({ pending: one }: Job, { pending: other }: Job): boolean {
  if (!one || !other) return one !== undefined;
  if (one.isUrgent !== other.isUrgent) return one.isUrgent;
  if (one.kind !== other.kind) return one.kind === 'backup';
  return one.sinceMs < other.sinceMs;
}
