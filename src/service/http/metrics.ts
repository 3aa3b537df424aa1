import { Counter, Gauge, Registry } from 'prom-client';
import { overdueMs } from '../../domain/job-verdict.ts';
import { DURATION_BOUNDS, type JobStatus, type ServiceStatus } from '../model/service-status.ts';

/** A metric with its labels, and its samples in a state of the service. */
interface Metric {
  /** By default a gauge. */
  readonly type?: 'counter';
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly samples: (status: ServiceStatus, nowMs: number) => readonly Sample[];
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

const seconds = (time: string | null): number | undefined =>
  time === null ? undefined : Date.parse(time) / 1000;

function ofJobs(value: (job: JobStatus, nowMs: number) => number | undefined): Metric['samples'] {
  return ({ jobs }, nowMs) =>
    jobs.flatMap((job): readonly Sample[] => {
      const number = value(job, nowMs);
      return number === undefined ? [] : [[{ job: job.job }, number]];
    });
}

/** The metrics. Their names are a promise. */
export const METRICS: readonly Metric[] = [
  {
    name: 'backy_job_last_success_timestamp_seconds',
    help: 'Time of the newest good revision that carries a tag',
    labels: ['job', 'tag'],
    samples: ({ jobs }) =>
      jobs.flatMap(({ job, tags }) =>
        tags.flatMap(({ tag, last }): readonly Sample[] =>
          last === null ? [] : [[{ job, tag }, Date.parse(last) / 1000]],
        ),
      ),
  },
  {
    name: 'backy_job_info',
    help: 'Facts about a job; always 1',
    labels: ['job', 'schedule', 'method'],
    samples: ({ jobs }) =>
      jobs.map(({ job, schedule, last }): Sample => [{ job, schedule, method: last?.method ?? '' }, 1]),
  },
  {
    name: 'backy_job_sla_overdue_seconds',
    help: 'Seconds by which the worst tag of a job is beyond its SLA; 0 within it',
    labels: ['job'],
    // A status that was written a while ago is overdue by more than it says.
    samples: ofJobs(({ tags, firstSeen }, nowMs) => {
      const firstSeenMs = Date.parse(firstSeen);
      const overdue = tags.map(({ tag, last, sla }) =>
        overdueMs(
          { tag, lastMs: last === null ? undefined : Date.parse(last), slaMs: sla * 1000 },
          firstSeenMs,
          nowMs,
        ),
      );
      return Math.max(0, ...overdue) / 1000;
    }),
  },
  {
    name: 'backy_job_next_run_timestamp_seconds',
    help: 'Time of the next run',
    labels: ['job'],
    samples: ofJobs(({ next }) => seconds(next?.time ?? null)),
  },
  {
    name: 'backy_job_running',
    help: 'Whether a run of the job is under way',
    labels: ['job'],
    samples: ofJobs(({ phase }) => (phase === 'running' || phase === 'verifying' ? 1 : 0)),
  },
  {
    name: 'backy_job_damaged',
    help: 'Damaged revisions and reports of verification that nobody has dealt with',
    labels: ['job'],
    samples: ofJobs(({ damaged, newestDistrusted }) => Math.max(damaged, newestDistrusted ? 1 : 0)),
  },
  {
    name: 'backy_job_failures',
    help: 'Failed runs since one went well',
    labels: ['job'],
    samples: ofJobs(({ failures }) => failures),
  },
  {
    name: 'backy_verified_age_seconds',
    help: 'Age of the oldest verification of a good revision',
    labels: ['job'],
    samples: ofJobs(({ verifiedSince }, nowMs) => {
      const since = seconds(verifiedSince);
      return since === undefined ? undefined : nowMs / 1000 - since;
    }),
  },
  ...(['limit', 'busy', 'queued'] as const).map(
    (key): Metric => ({
      name: `backy_pool_${key}`,
      help: { limit: 'Workers of a pool', busy: 'Runs under way', queued: 'Runs that wait' }[key],
      labels: ['pool'],
      samples: ({ pools }) => Object.entries(pools).map(([pool, values]): Sample => [{ pool }, values[key]]),
    }),
  ),
  {
    name: 'backy_runs_total',
    type: 'counter',
    help: 'Runs since the service started',
    labels: ['outcome', 'pool'],
    samples: ({ counts }) =>
      (counts?.runs ?? []).map(({ outcome, pool, count }): Sample => [{ outcome, pool }, count]),
  },
  {
    name: 'backy_run_bytes_total',
    type: 'counter',
    help: 'Bytes of all runs since the service started',
    labels: ['kind'],
    samples: ({ counts }) =>
      counts
        ? [
            [{ kind: 'read' }, counts.bytesRead],
            [{ kind: 'written' }, counts.bytesWritten],
          ]
        : [],
  },
  {
    name: 'backy_scheduler_late_seconds',
    help: 'Seconds between the moment of the last run that a schedule began, and its start',
    labels: [],
    samples: ({ counts }) =>
      counts === undefined || counts.lateSeconds === null ? [] : [[{}, counts.lateSeconds]],
  },
  {
    name: 'backy_config_ok',
    help: 'Whether the configuration in force is the one on the disk',
    labels: [],
    samples: ({ configOk }) => [[{}, configOk ? 1 : 0]],
  },
  {
    name: 'backy_status_timestamp_seconds',
    help: 'Time of the state that these metrics tell of',
    labels: [],
    samples: ({ time }) => [[{}, Date.parse(time) / 1000]],
  },
  {
    name: 'backy_notifier_ok',
    help: 'Whether the last notification by a target went out',
    labels: ['notifier'],
    samples: ({ notifiers }) =>
      notifiers.map(({ name, problem }): Sample => [{ notifier: name }, problem === null ? 1 : 0]),
  },
  {
    name: 'backy_fs_size_bytes',
    help: 'Size of a filesystem',
    labels: ['path'],
    samples: ({ filesystems }) => filesystems.map(({ path, size }): Sample => [{ path }, size]),
  },
  {
    name: 'backy_fs_free_bytes',
    help: 'Free space of a filesystem',
    labels: ['path'],
    samples: ({ filesystems }) => filesystems.map(({ path, free }): Sample => [{ path }, free]),
  },
  {
    name: 'backy_fs_full_timestamp_seconds',
    help: 'Time when a filesystem will be full at the pace of two weeks; absent if that is not in sight',
    labels: ['path'],
    samples: ({ filesystems }) =>
      filesystems.flatMap(({ path, fullAt }): readonly Sample[] =>
        fullAt === null ? [] : [[{ path }, Date.parse(fullAt) / 1000]],
      ),
  },
];

/** The histogram. Its buckets come counted, which the library does not take. */
export const DURATION = {
  name: 'backy_run_duration_seconds',
  help: 'Durations of all runs since the service started',
} as const;

/** The metrics of a state in the text format of Prometheus. */
export async function metricsText(status: ServiceStatus, nowMs: number): Promise<string> {
  const registry = new Registry();
  for (const { name, help, labels, samples, type } of METRICS) {
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    if (type === 'counter') {
      const counter = new Counter(options);
      for (const [values, value] of samples(status, nowMs)) counter.inc(values, value);
    } else {
      const gauge = new Gauge(options);
      for (const [values, value] of samples(status, nowMs)) gauge.set(values, value);
    }
  }
  return `${await registry.metrics()}${durationText(status)}`;
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/ */
function durationText({ counts }: ServiceStatus): string {
  if (!counts) return '';
  const { name, help } = DURATION;
  const { buckets, seconds, count } = counts.durations;
  const lines = [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} histogram`,
    ...DURATION_BOUNDS.map((bound, index) => `${name}_bucket{le="${bound}"} ${buckets[index] ?? 0}`),
    `${name}_bucket{le="+Inf"} ${count}`,
    `${name}_sum ${seconds}`,
    `${name}_count ${count}`,
  ];
  return `\n${lines.join('\n')}\n`;
}
