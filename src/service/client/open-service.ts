import { isObject } from '../../domain/shape.ts';
import { backyError } from '../../errors.ts';
import { DEFAULT_CONFIG_PATH } from '../config/load-service-config.ts';
import type { PlannedRun, RunTicket, ServiceEvent } from '../model/service-control.ts';
import type { JobStatus, RunSummary, ServiceStatus } from '../model/service-status.ts';
import { connectToService } from './call-service.ts';
import { followEvents } from './follow-events.ts';

/** A running service, for programs. All shapes are those of the HTTP API and of `--json`. */
export interface ServiceHandle {
  /** The state of the service with all jobs. */
  status(): Promise<ServiceStatus>;
  jobs(): Promise<readonly JobStatus[]>;
  /** The latest runs of a job, newest first. @throws BACKY_JOB_UNKNOWN */
  runs(job: string): Promise<readonly RunSummary[]>;
  /** Backs a job up now. @throws BACKY_JOB_UNKNOWN, BACKY_JOB_PAUSED, BACKY_SERVICE_STOPPING */
  run(job: string): Promise<RunTicket>;
  /** @throws BACKY_JOB_UNKNOWN */
  pause(job: string, options: { readonly reason: string; readonly until?: Date }): Promise<JobStatus>;
  /** @throws BACKY_JOB_UNKNOWN */
  resume(job: string): Promise<JobStatus>;
  /** Reads the configuration again. @throws BACKY_CONFIG_INVALID, and the old one stays in force */
  reload(): Promise<void>;
  /** The runs that the schedules lead to, in order of time. @param days 1 to 366 */
  simulate(days: number): Promise<readonly PlannedRun[]>;
  /** Everything that happens from now on, until the service stops or the loop ends. */
  events(): AsyncIterable<ServiceEvent>;
}

/**
 * Connects to the running service of a configuration. Each call throws BACKY_SERVICE_ABSENT if the service does not answer.
 *
 * @throws BACKY_SERVICE_ABSENT, BACKY_CONFIG_INVALID, BACKY_IO
 */
export async function openService(config: string = DEFAULT_CONFIG_PATH): Promise<ServiceHandle> {
  const client = connectToService(config);
  const { socket } = client;
  const call = async <Answer>(
    method: 'GET' | 'POST',
    path: string,
    isAnswer: (value: unknown) => value is Answer,
    body?: object,
  ) => {
    const answer = await client.call(method, path, body);
    if (isAnswer(answer)) return answer;
    throw backyError('BACKY_SERVICE_ABSENT', {
      path: socket,
      reason: 'it sends an answer that backy does not know',
    });
  };
  const jobPath = (job: string, action: string): string => `/v1/jobs/${encodeURIComponent(job)}/${action}`;
  await client.call('GET', '/healthz');
  return {
    status: () => call('GET', '/v1/status', isStatus),
    jobs: () => call('GET', '/v1/jobs', isList<JobStatus>),
    runs: (job) => call('GET', jobPath(job, 'runs'), isList<RunSummary>),
    run: (job) => call('POST', jobPath(job, 'run'), isTicket),
    pause: (job, { reason, until }) =>
      call('POST', jobPath(job, 'pause'), isJob, {
        reason,
        ...(until ? { until: until.toISOString() } : {}),
      }),
    resume: (job) => call('POST', jobPath(job, 'resume'), isJob),
    reload: async () => {
      await client.call('POST', '/v1/reload');
    },
    simulate: (days) => call('GET', `/v1/simulate?days=${days}`, isList<PlannedRun>),
    events: () => followEvents(socket),
  };
}

// The service is of the same version, so the outlines are enough.
function isStatus(value: unknown): value is ServiceStatus {
  return isObject(value) && Array.isArray(value.jobs);
}

function isJob(value: unknown): value is JobStatus {
  return isObject(value) && typeof value.job === 'string' && typeof value.verdict === 'string';
}

function isTicket(value: unknown): value is RunTicket {
  return isObject(value) && typeof value.run === 'string';
}

function isList<Item>(value: unknown): value is readonly Item[] {
  return Array.isArray(value);
}
