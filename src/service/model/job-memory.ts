import type { Pause, RunSummary } from './service-status.ts';

/** The part of a job that survives a restart of the service. Times in milliseconds since 1970. */
export interface JobMemory {
  readonly firstSeenMs: number;
  readonly failures: number;
  readonly retryAtMs: number | undefined;
  readonly pause: Pause | undefined;
  /** Latest runs, newest first. */
  readonly history: readonly RunSummary[];
}
