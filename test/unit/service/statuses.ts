import { RunMeter } from '../../../src/service/daemon/run-meter.ts';
import type { JobStatus, ServiceStatus } from '../../../src/service/model/service-status.ts';

/** The status of a job that is as it should be. */
export function jobStatus(job: string, more: Partial<JobStatus> = {}): JobStatus {
  return {
    job,
    phase: 'waiting',
    pool: 'fast',
    schedule: 'default',
    source: `/images/${job}`,
    directory: `/srv/backy/${job}`,
    verdict: 'ok',
    reasons: [],
    last: {
      uuid: 'u',
      time: '2026-01-01T03:00:00.000Z',
      tags: ['daily'],
      duration: 3,
      method: 'full',
      fallback: null,
    },
    next: { time: '2026-01-02T03:00:00.000Z', tags: ['daily'] },
    tags: [{ tag: 'daily', last: '2026-01-01T03:00:00.000Z', next: null, sla: 129_600, overdue: 0 }],
    run: null,
    failures: 0,
    retryAt: null,
    pause: null,
    firstSeen: '2026-01-01T00:00:00.000Z',
    revisions: 1,
    manualTags: [],
    damaged: 0,
    newestDistrusted: false,
    verifiedSince: null,
    oldest: null,
    verifyEvery: null,
    bytes: 1,
    ...more,
  };
}

/** The status of a service with these jobs. */
export function statusOf(jobs: readonly JobStatus[]): ServiceStatus {
  const pool = { limit: 1, busy: 0, queued: 0 };
  return {
    time: '2026-01-01T12:00:00.000Z',
    version: '3',
    started: '2026-01-01T00:00:00.000Z',
    configOk: true,
    configProblem: null,
    jobs,
    filesystems: [{ path: '/srv', size: 10, free: 5, fullAt: null }],
    notifiers: [],
    pools: { fast: pool, slow: pool },
    counts: new RunMeter().counts(),
  };
}
