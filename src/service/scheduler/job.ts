import { dueOf, type TagDue } from '../../domain/job-due.ts';
import { type Zone, zoneOf } from '../../domain/time-zone.ts';
import { movedInto } from '../../domain/window.ts';
import type { JobMemory } from '../model/job-memory.ts';
import { type JobFacts, NO_FACTS, type RunHandle } from '../model/runner.ts';
import type { JobConfig, Pool, ServiceConfig } from '../model/service-config.ts';
import type { Pause, RunSummary } from '../model/service-status.ts';

/** A job as the scheduler remembers it. Times in milliseconds since 1970. */
export interface Job {
  config: JobConfig;
  zone: Zone;
  /** A number from its name, in milliseconds. */
  spreadMs: number;
  facts: JobFacts;
  /** The moment since which missed tags are caught up. */
  sinceMs: number;
  firstSeenMs: number;
  failures: number;
  retryAtMs: number | undefined;
  pause: Pause | undefined;
  pending: PendingRun | undefined;
  running: CurrentRun | undefined;
  /** Latest runs, newest first. */
  history: readonly RunSummary[];
  due: readonly TagDue[];
  /** When that was worked out. */
  plannedMs: number;
}

/** A run that waits for a worker, a limit or its window. */
export interface PendingRun {
  readonly id: string;
  readonly kind: RunSummary['kind'];
  readonly askedBy: string;
  /** Whether a person asked for it: it goes to the head of its pool, in any window. */
  readonly isUrgent: boolean;
  readonly sinceMs: number;
}

export interface CurrentRun {
  readonly summary: RunSummary;
  readonly handle: RunHandle;
  readonly pool: Pool;
  readonly place: string | undefined;
  readonly isUrgent: boolean;
}

const FAST_SECONDS = 600;
const LONGEST_PLAN_MS = 900_000;
export const LONGEST_HISTORY = 50;

/** Makes a job that nothing is known of yet but its memory. */
export function newJob(config: JobConfig, spreadMs: number, nowMs: number, memory?: JobMemory): Job {
  return {
    config,
    zone: zoneOf(config.timeZone),
    spreadMs,
    facts: NO_FACTS,
    sinceMs: nowMs,
    firstSeenMs: nowMs,
    failures: 0,
    retryAtMs: undefined,
    pause: undefined,
    history: [],
    ...memory,
    pending: undefined,
    running: undefined,
    due: [],
    plannedMs: Number.NEGATIVE_INFINITY,
  };
}

/** Works out again when each tag is due. */
export function plan(job: Job, nowMs: number): void {
  const { spreadMs, sinceMs, zone } = job;
  job.plannedMs = nowMs;
  job.due = dueOf(job.config.schedule, job.facts.taken, { nowMs, spreadMs, sinceMs, zone });
}

/** Whether the plan of a job still holds. Nothing is due before the first of its times, but clocks jump. */
export function isPlanned({ due, plannedMs }: Job, nowMs: number): boolean {
  const ageMs = nowMs - plannedMs;
  return ageMs >= 0 && ageMs < LONGEST_PLAN_MS && due.every(({ atMs }) => atMs > nowMs);
}

/** The time of the next run, after back-off and in its window; undefined if no tag is ever due. */
export function nextMs(
  { due, retryAtMs, config, zone, spreadMs }: Job,
  windows: ServiceConfig['windows'],
): number | undefined {
  if (due.length === 0) return undefined;
  const atMs = Math.max(Math.min(...due.map((tag) => tag.atMs)), retryAtMs ?? 0);
  const window = config.window === undefined ? undefined : windows.get(config.window);
  return window ? movedInto(window, atMs, zone, spreadMs) : atMs;
}

/** The pool of a job's next run. Nine of ten jobs take less than ten minutes, and must not wait for the others. */
export function poolOf({ facts }: Job): Pool {
  return (facts.last?.duration ?? 0) < FAST_SECONDS ? 'fast' : 'slow';
}

/** Whether its verification is due: every good revision is verified again after this long. */
export function isVerifyDue(
  { config: { verifyMs }, facts: { verifiedSinceMs, oldestMs } }: Job,
  nowMs: number,
): boolean {
  if (verifyMs === undefined || oldestMs === undefined) return false;
  return nowMs - (verifiedSinceMs ?? oldestMs) >= verifyMs;
}
