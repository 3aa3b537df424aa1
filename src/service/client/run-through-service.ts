import { setTimeout as sleep } from 'node:timers/promises';
import { isObject } from '../../domain/shape.ts';
import { isBackyError } from '../../errors.ts';
import type { RunSummary } from '../model/service-status.ts';
import type { ServiceClient } from './call-service.ts';

const POLL_MS = 500;

/** The result of a run that somebody asked for. */
export interface AskedRun {
  readonly job: string;
  readonly outcome: string;
  readonly uuid: string | null;
  readonly message: string | null;
}

/** The results of runs that somebody asked for. */
export interface RunsResult {
  readonly runs: readonly AskedRun[];
}

/** Whether a service answers. */
export async function isServing(client: ServiceClient): Promise<boolean> {
  try {
    await client.call('GET', '/healthz');
    return true;
  } catch (error) {
    if (isBackyError(error, 'BACKY_SERVICE_ABSENT')) return false;
    throw error;
  }
}

/**
 * Asks the service to run jobs, and waits until all of them have ended. If it is cancelled, the runs go on.
 *
 * @throws BACKY_SERVICE_ABSENT when the service goes away meanwhile
 */
export async function runThroughService(
  client: ServiceClient,
  jobs: readonly string[],
  signal: AbortSignal,
): Promise<readonly AskedRun[]> {
  const asked = await Promise.all(jobs.map((job) => ask(client, job)));
  return Promise.all(asked.map((run) => ('id' in run ? awaitEnd(client, run, signal) : run)));
}

async function ask(
  client: ServiceClient,
  job: string,
): Promise<AskedRun | { readonly job: string; readonly id: string }> {
  try {
    const ticket = await client.call('POST', `/v1/jobs/${encodeURIComponent(job)}/run`);
    return { job, id: isObject(ticket) && typeof ticket.run === 'string' ? ticket.run : '' };
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_SERVICE_ABSENT') throw error;
    return { job, outcome: 'failed', uuid: null, message: error.message };
  }
}

async function awaitEnd(
  client: ServiceClient,
  { job, id }: { readonly job: string; readonly id: string },
  signal: AbortSignal,
): Promise<AskedRun> {
  for (;;) {
    if (signal.aborted) return { job, outcome: 'running', uuid: null, message: 'it goes on in the service' };
    const answer = await client.call('GET', `/v1/jobs/${encodeURIComponent(job)}/runs`);
    const runs: readonly RunSummary[] = Array.isArray(answer) ? answer : [];
    const run = runs.find((each) => each.id === id);
    if (run && run.ended !== null) return { job, outcome: run.outcome, uuid: run.uuid, message: run.message };
    await sleep(POLL_MS);
  }
}
