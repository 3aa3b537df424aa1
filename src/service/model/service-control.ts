import type { RevisionRecord } from '../../domain/revision.ts';
import type { Pool } from './service-config.ts';
import type { JobStatus, RunSummary, ServiceStatus } from './service-status.ts';

/** Everything that people and programs can ask of a running service. HTTP and the API are made of it. */
export interface ServiceControl {
  status(): ServiceStatus;
  /** @throws BACKY_JOB_UNKNOWN */
  job(name: string): JobStatus;
  /** Read from the repository, newest first. @throws BACKY_JOB_UNKNOWN, BACKY_IO */
  revisions(name: string): Promise<readonly RevisionRecord[]>;
  /** The latest runs, newest first. @throws BACKY_JOB_UNKNOWN */
  runs(name: string): readonly RunSummary[];
  /**
   * Puts a run at the head of its pool. It always takes a revision: with the tags that are due, or else `manual:run`.
   * A run that is queued or under way already is the answer, too.
   *
   * @throws BACKY_JOB_UNKNOWN, BACKY_JOB_PAUSED, BACKY_SERVICE_STOPPING
   */
  run(name: string, by: string): RunTicket;
  /** Verifies the revisions of a job now, newest first. @throws BACKY_JOB_UNKNOWN, BACKY_SERVICE_STOPPING */
  verify(name: string, by: string): RunTicket;
  /** @throws BACKY_JOB_UNKNOWN */
  pause(name: string, pause: { reason: string; until?: Date | undefined; by: string }): JobStatus;
  /** @throws BACKY_JOB_UNKNOWN */
  resume(name: string, by: string): JobStatus;
  /** Reads the configuration again. @throws BACKY_CONFIG_INVALID, and the old one stays in force */
  reload(by: string): Promise<void>;
  /** The runs that the schedules lead to, in order of time. @param days 1 to 366 */
  simulate(days: number): readonly PlannedRun[];
  /** Calls a listener for each event from now on, until the function that it returns is called. */
  listen(listener: (event: ServiceEvent) => void): () => void;
}

export interface RunTicket {
  readonly job: string;
  /** The id that the run has, or will have. */
  readonly run: string;
}

export interface PlannedRun {
  readonly job: string;
  readonly time: string;
  readonly tags: readonly string[];
}

/** The answer to a change of a job. */
export interface JobResult {
  readonly status: JobStatus;
}

/** Something happened. `id` grows by one with each event of a service's life. */
export interface ServiceEvent {
  readonly id: number;
  readonly time: string;
  readonly type:
    | 'run-queued'
    | 'run-started'
    | 'run-ended'
    | 'job-changed'
    | 'config-loaded'
    | 'config-refused'
    | 'stopping';
  readonly job?: string;
  readonly run?: RunSummary;
  readonly status?: JobStatus;
  /** The pool of a run that ended. */
  readonly pool?: Pool;
  /** Seconds between the moment of a run that a schedule began, and its start. */
  readonly lateSeconds?: number;
  readonly problem?: string;
}
