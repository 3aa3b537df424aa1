import { dueOf, takenNow } from '../../domain/job-due.ts';
import { RUN_TAG } from '../../domain/tags.ts';
import { zoneOf } from '../../domain/time-zone.ts';
import type { RunResult } from '../model/runner.ts';
import type { JobConfig, ServiceConfig } from '../model/service-config.ts';
import { readJobFacts } from './job-facts.ts';
import { startRun } from './start-run.ts';

/** The result of a run without the service. */
export interface DirectRun extends RunResult {
  readonly job: string;
}

/**
 * Runs jobs without the service, a bounded number at once. Each takes a revision: for its due tags or, without any, for
 * `manual:run`.
 *
 * @param workers number of runs at once
 * @param onWarning takes warnings
 */
export async function runDirectly(
  { completedCallback }: Pick<ServiceConfig, 'completedCallback'>,
  jobs: readonly JobConfig[],
  workers: number,
  { signal, onWarning }: { readonly signal: AbortSignal; readonly onWarning: (message: string) => void },
): Promise<readonly DirectRun[]> {
  const waiting = [...jobs];
  const results: DirectRun[] = [];
  const work = async (): Promise<void> => {
    for (let job = waiting.shift(); job && !signal.aborted; job = waiting.shift()) {
      const handle = startRun(
        { job, kind: 'backup', tags: await tagsOf(job) },
        { completedCallback, onWarning },
      );
      const cancel = (): void => handle.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      results.push({ job: job.name, ...(await handle.done) });
      signal.removeEventListener('abort', cancel);
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, jobs.length) }, work));
  return results.toSorted((one, other) => one.job.localeCompare(other.job));
}

async function tagsOf(job: JobConfig): Promise<readonly string[]> {
  const { taken } = await readJobFacts(job);
  const nowMs = Date.now();
  const due = dueOf(job.schedule, taken, { nowMs, sinceMs: nowMs, spreadMs: 0, zone: zoneOf(job.timeZone) });
  return takenNow(due, nowMs)?.tags ?? [RUN_TAG];
}
