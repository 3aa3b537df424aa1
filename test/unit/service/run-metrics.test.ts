import { expect, it } from 'vitest';
import { RunMetrics } from '../../../src/service/http/run-metrics.ts';
import type { ServiceEvent } from '../../../src/service/model/service-control.ts';
import type { RunSummary } from '../../../src/service/model/service-status.ts';
import { jobStatus } from './statuses.ts';

const RUN: RunSummary = {
  id: 'r1',
  job: 'web1',
  kind: 'backup',
  started: '2026-01-02T03:00:02.500Z',
  ended: null,
  outcome: 'running',
  tags: ['daily'],
  slot: null,
  askedBy: 'schedule',
  code: null,
  message: null,
  uuid: null,
  bytesRead: null,
  bytesWritten: null,
};

it('the metrics count runs by outcome and pool, with durations, bytes and lateness', async () => {
  const listeners: ((event: ServiceEvent) => void)[] = [];
  let pool: 'fast' | 'slow' = 'slow';
  const metrics = new RunMetrics({
    job: (name) => jobStatus(name, { pool }),
    listen: (listener) => {
      listeners.push(listener);
      return () => {};
    },
  });
  const emit = (type: ServiceEvent['type'], run: RunSummary): void => {
    for (const listener of listeners) listener({ id: 1, time: run.started, type, job: run.job, run });
  };
  emit('run-started', RUN);
  // The duration of this run moves the job to the other pool.
  pool = 'fast';
  const ended = '2026-01-02T03:00:12.500Z';
  emit('run-ended', { ...RUN, ended, outcome: 'ok', bytesRead: 100, bytesWritten: 7 });
  emit('run-started', { ...RUN, id: 'r2', askedBy: 'somebody', started: '2026-01-02T09:00:00.000Z' });
  emit('run-ended', { ...RUN, id: 'r2', ended, outcome: 'failed' });
  const text = await metrics.text();
  expect(text).toContain('backy_runs_total{outcome="ok",pool="slow"} 1');
  expect(text).toContain('backy_runs_total{outcome="failed",pool="fast"} 1');
  expect(text).toContain('backy_run_duration_seconds_bucket{le="15"} 2');
  expect(text).toContain('backy_run_bytes_total{kind="read"} 100');
  expect(text).toContain('backy_run_bytes_total{kind="written"} 7');
  expect(text).toContain('backy_scheduler_late_seconds 2.5');
});
