import type { Taken } from '../../domain/schedule.ts';
import type { JobConfig } from './service-config.ts';
import type { LastRevision } from './service-status.ts';

/** The world as the scheduler needs it: repositories to read, and runs to start. */
export interface Runner {
  /** Reads the records of a job's repository. A repository that does not exist yet has none. @throws BACKY_IO */
  readFacts(job: JobConfig): Promise<JobFacts>;
  /** Starts a run. Its result is never an exception. */
  start(request: RunRequest): RunHandle;
  /** The place that a job reads from, as `limits` names it; undefined if it has no limit. */
  placeOf(job: JobConfig): string | undefined;
}

export interface RunRequest {
  readonly job: JobConfig;
  readonly kind: 'backup' | 'verify';
  readonly tags: readonly string[];
  /** A moment of the slots that it is for, in milliseconds since 1970; absent: it is for now. */
  readonly slotMs?: number | undefined;
}

export interface RunHandle {
  readonly done: Promise<RunResult>;
  /** Asks the run to end, or at once. */
  cancel(signal?: 'SIGTERM' | 'SIGKILL'): void;
}

/** The end of a run. `busy`: somebody else holds the lock of the repository, so it is to be tried again. */
export interface RunResult {
  readonly outcome: 'ok' | 'failed' | 'nothing-due' | 'cancelled' | 'busy';
  readonly code: string | null;
  readonly message: string | null;
  /** The revision that was taken. */
  readonly uuid: string | null;
  readonly bytesRead: number | null;
  readonly bytesWritten: number | null;
}

/** The facts about a repository that the scheduler remembers. Times in milliseconds since 1970, sizes in bytes. */
export interface JobFacts {
  readonly taken: readonly Taken[];
  readonly last: LastRevision | null;
  readonly revisions: number;
  readonly manualTags: readonly string[];
  readonly damaged: number;
  readonly newestDistrusted: boolean;
  /** Undefined: a good revision was never verified, or there is none. */
  readonly verifiedSinceMs: number | undefined;
  /** The oldest good revision. */
  readonly oldestMs: number | undefined;
  readonly bytes: number;
}

/** The facts about a repository without revisions. */
export const NO_FACTS: JobFacts = {
  taken: [],
  last: null,
  revisions: 0,
  manualTags: [],
  damaged: 0,
  newestDistrusted: false,
  verifiedSinceMs: undefined,
  oldestMs: undefined,
  bytes: 0,
};
