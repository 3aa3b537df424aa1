import { expect, it } from 'vitest';
import { RunMeter } from '../../../src/service/daemon/run-meter.ts';
import { metricsText } from '../../../src/service/http/metrics.ts';
import type { ServiceEvent } from '../../../src/service/model/service-control.ts';
import type { RunSummary } from '../../../src/service/model/service-status.ts';
import { statusOf } from './statuses.ts';

const START_MS = Date.UTC(2026, 0, 1);

function ended(
  outcome: RunSummary['outcome'],
  seconds: number,
  bytes: number | null,
): Pick<ServiceEvent, 'type' | 'run' | 'pool'> {
  const run: RunSummary = {
    id: '1',
    job: 'web1',
    kind: 'backup',
    started: new Date(START_MS).toISOString(),
    ended: new Date(START_MS + seconds * 1000).toISOString(),
    outcome,
    tags: [],
    slot: null,
    askedBy: 'schedule',
    code: null,
    message: null,
    uuid: null,
    bytesRead: bytes,
    bytesWritten: bytes,
  };
  return { type: 'run-ended', run, pool: 'fast' };
}

it('counts runs by outcome and pool, their bytes, and their durations in buckets', async () => {
  const meter = new RunMeter();
  for (const event of [ended('ok', 0.5, 10), ended('ok', 15, 5), ended('failed', 100_000, null)])
    meter.count(event);
  meter.count({ type: 'run-started', lateSeconds: 1.5 });
  meter.count({ type: 'run-queued' });

  const text = await metricsText({ ...statusOf([]), counts: meter.counts() }, START_MS);

  for (const line of [
    '# TYPE backy_runs_total counter',
    'backy_runs_total{outcome="ok",pool="fast"} 2',
    'backy_runs_total{outcome="failed",pool="fast"} 1',
    'backy_run_bytes_total{kind="read"} 15',
    'backy_run_duration_seconds_bucket{le="1"} 1',
    'backy_run_duration_seconds_bucket{le="5"} 1',
    'backy_run_duration_seconds_bucket{le="15"} 2',
    'backy_run_duration_seconds_bucket{le="43200"} 2',
    'backy_run_duration_seconds_bucket{le="+Inf"} 3',
    'backy_run_duration_seconds_sum 100015.5',
    'backy_run_duration_seconds_count 3',
    'backy_scheduler_late_seconds 1.5',
  ])
    expect(text.split('\n')).toContain(line);
});
