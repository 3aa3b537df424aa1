import type { Verdict } from '../../domain/job-verdict.ts';
import type { RunOutcome } from '../../domain/run-note.ts';
import type { Pool } from './service-config.ts';

/**
 * The state of the service at a moment. The status file, `--json`, HTTP and the API all have this shape; the status file
 * uses the keys of the Python backy for what it knew. Times are ISO 8601 in UTC, or null.
 */
export interface ServiceStatus {
  /** When it was written. */
  readonly time: string;
  readonly version: string;
  /** When the service started. */
  readonly started: string;
  /** Whether the configuration in force is the one on the disk. */
  readonly configOk: boolean;
  /** The complaint about the one on the disk: file, line, column and problem; null without one. */
  readonly configProblem: string | null;
  readonly jobs: readonly JobStatus[];
  readonly filesystems: readonly FilesystemStatus[];
  readonly notifiers: readonly NotifierStatus[];
  readonly pools: Readonly<Record<Pool, PoolStatus>>;
  /** Absent in a status file of an earlier version. */
  readonly counts?: RunCounts;
}

/** The ends of the buckets of durations, in seconds. */
export const DURATION_BOUNDS: readonly number[] = [1, 5, 15, 60, 300, 600, 1800, 3600, 14_400, 43_200];

/** Counts of runs since the service started. */
export interface RunCounts {
  readonly runs: readonly { readonly outcome: RunOutcome; readonly pool: Pool; readonly count: number }[];
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly durations: {
    /** Number of runs that took no longer than each of the bounds. */
    readonly buckets: readonly number[];
    /** Sum of all durations. */
    readonly seconds: number;
    readonly count: number;
  };
  /** Seconds between the moment of the last run that a schedule began, and its start; null without one. */
  readonly lateSeconds: number | null;
}

export interface JobStatus {
  readonly job: string;
  readonly phase: Phase;
  readonly pool: Pool;
  /** The name of its schedule. */
  readonly schedule: string;
  /** The source, as people know it. */
  readonly source: string;
  readonly directory: string;
  readonly verdict: Verdict;
  /** Reasons against `ok`: a sentence each, worst first. */
  readonly reasons: readonly string[];
  /** The newest good revision; null without one. */
  readonly last: LastRevision | null;
  readonly next: { readonly time: string; readonly tags: readonly string[] } | null;
  readonly tags: readonly JobTagStatus[];
  /** The run under way, or the last one; null when none was seen. */
  readonly run: RunSummary | null;
  /** Failures since a run went well. */
  readonly failures: number;
  /** Until when it is left alone after failures; null: it is not. */
  readonly retryAt: string | null;
  readonly pause: Pause | null;
  /** When the service saw the job for the first time. */
  readonly firstSeen: string;
  readonly revisions: number;
  /** Tags of its revisions that begin with `manual:`. */
  readonly manualTags: readonly string[];
  /** Damaged revisions and reports of verification that nobody has dealt with. */
  readonly damaged: number;
  /** Whether the newest revision is distrusted. */
  readonly newestDistrusted: boolean;
  /** Good revisions by the time of their last verification: the oldest of these times; null: one was never verified. */
  readonly verifiedSince: string | null;
  /** The time of its oldest good revision; null without one. */
  readonly oldest: string | null;
  /** The greatest age of a verification that the job allows, in seconds; null: it does not verify. */
  readonly verifyEvery: number | null;
  /** Bytes that its revisions occupy, estimated. */
  readonly bytes: number;
}

/**
 * `waiting` for its time, `queued` for a worker, a limit or a window, `running`, `verifying`, `paused`, or `backing-off`
 * after a failure.
 */
export type Phase = 'waiting' | 'queued' | 'running' | 'verifying' | 'paused' | 'backing-off';

export interface LastRevision {
  readonly uuid: string;
  readonly time: string;
  readonly tags: readonly string[];
  /** Seconds. */
  readonly duration: number;
  readonly method: string | null;
  readonly fallback: string | null;
}

export interface JobTagStatus {
  readonly tag: string;
  /** The newest good revision that carries it. */
  readonly last: string | null;
  readonly next: string | null;
  /** Its SLA in seconds. */
  readonly sla: number;
  /** Seconds beyond the SLA; 0 within it. */
  readonly overdue: number;
}

export interface RunSummary {
  readonly id: string;
  readonly job: string;
  readonly kind: 'backup' | 'verify';
  readonly started: string;
  readonly ended: string | null;
  readonly outcome: RunOutcome;
  readonly tags: readonly string[];
  readonly slot: string | null;
  /** The origin of the request: `schedule`, `catch-up`, or the name of a person or token. */
  readonly askedBy: string;
  readonly code: string | null;
  readonly message: string | null;
  /** The revision that it took. */
  readonly uuid: string | null;
  readonly bytesRead: number | null;
  readonly bytesWritten: number | null;
}

export interface Pause {
  readonly reason: string;
  readonly by: string;
  readonly since: string;
  /** Null: until somebody resumes it. */
  readonly until: string | null;
}

export interface FilesystemStatus {
  /** A directory on it: the base directory, or that of a job. */
  readonly path: string;
  readonly size: number;
  readonly free: number;
  /** When it will be full at the pace of the last 14 days; null: not in sight. */
  readonly fullAt: string | null;
}

export interface NotifierStatus {
  readonly name: string;
  readonly type: string;
  /** The last failure, while it lasts. */
  readonly problem: string | null;
}

export interface PoolStatus {
  readonly limit: number;
  readonly busy: number;
  readonly queued: number;
}
