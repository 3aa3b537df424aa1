import type { ServiceEvent } from '../model/service-control.ts';
import { DURATION_BOUNDS, type RunCounts } from '../model/service-status.ts';

/** Counts the runs of a service from its start. */
export class RunMeter {
  readonly #runs = new Map<string, RunCounts['runs'][number]>();
  readonly #buckets = DURATION_BOUNDS.map(() => 0);
  #bytesRead = 0;
  #bytesWritten = 0;
  #seconds = 0;
  #ended = 0;
  #lateSeconds: number | null = null;

  /** Takes each event of the service. */
  count({ type, run, pool, lateSeconds }: Pick<ServiceEvent, 'type' | 'run' | 'pool' | 'lateSeconds'>): void {
    if (lateSeconds !== undefined) this.#lateSeconds = lateSeconds;
    if (type !== 'run-ended' || !run || !pool) return;
    const key = `${run.outcome} ${pool}`;
    const count = (this.#runs.get(key)?.count ?? 0) + 1;
    this.#runs.set(key, { outcome: run.outcome, pool, count });
    this.#bytesRead += run.bytesRead ?? 0;
    this.#bytesWritten += run.bytesWritten ?? 0;
    const seconds = Math.max(0, (Date.parse(run.ended ?? run.started) - Date.parse(run.started)) / 1000);
    this.#seconds += seconds;
    this.#ended += 1;
    for (const [index, bound] of DURATION_BOUNDS.entries())
      if (seconds <= bound) this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
  }

  counts(): RunCounts {
    return {
      runs: [...this.#runs.values()],
      bytesRead: this.#bytesRead,
      bytesWritten: this.#bytesWritten,
      durations: { buckets: [...this.#buckets], seconds: this.#seconds, count: this.#ended },
      lateSeconds: this.#lateSeconds,
    };
  }
}
