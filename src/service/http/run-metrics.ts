import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ServiceControl, ServiceEvent } from '../model/service-control.ts';
import type { RunSummary } from '../model/service-status.ts';

/** Seconds: from runs without changes to the first read of a large disk. */
const DURATIONS = [1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400];

/** Counts the runs of a service since its start. The names are a promise, and none has the job as a label. */
export class RunMetrics {
  readonly #registry = new Registry();
  /** Pools of the runs under way, by their ids. */
  readonly #pools = new Map<string, string>();
  readonly #runs = new Counter({
    name: 'backy_runs_total',
    help: 'Runs that have ended',
    labelNames: ['outcome', 'pool'],
    registers: [this.#registry],
  });
  readonly #durations = new Histogram({
    name: 'backy_run_duration_seconds',
    help: 'Durations of runs that have ended',
    buckets: DURATIONS,
    registers: [this.#registry],
  });
  readonly #bytes = new Counter({
    name: 'backy_run_bytes_total',
    help: 'Bytes that runs have read from sources and written to repositories',
    labelNames: ['kind'],
    registers: [this.#registry],
  });
  readonly #late = new Gauge({
    name: 'backy_scheduler_late_seconds',
    help: 'Seconds from the due time of the latest scheduled run to its start',
    registers: [this.#registry],
  });

  constructor(control: Pick<ServiceControl, 'listen' | 'job'>) {
    control.listen((event) => this.#take(event, control));
  }

  /** The metrics in the text format of Prometheus. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #take({ type, run }: ServiceEvent, control: Pick<ServiceControl, 'job'>): void {
    if (run && type === 'run-started') this.#begin(run, control);
    else if (run && type === 'run-ended') this.#end(run);
  }

  /** The status of a job still names the due time when its run begins. */
  #begin({ id, job, started, askedBy }: RunSummary, control: Pick<ServiceControl, 'job'>): void {
    const { pool, next } = control.job(job);
    this.#pools.set(id, pool);
    if (askedBy !== 'schedule' || !next) return;
    this.#late.set(Math.max(0, Date.parse(started) - Date.parse(next.time)) / 1000);
  }

  #end({ id, outcome, started, ended, bytesRead, bytesWritten }: RunSummary): void {
    this.#runs.inc({ outcome, pool: this.#pools.get(id) ?? '' });
    this.#pools.delete(id);
    if (ended !== null) this.#durations.observe(Math.max(0, Date.parse(ended) - Date.parse(started)) / 1000);
    this.#bytes.inc({ kind: 'read' }, bytesRead ?? 0);
    this.#bytes.inc({ kind: 'written' }, bytesWritten ?? 0);
  }
}
