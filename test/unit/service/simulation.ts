import type { RunRequest, RunResult } from '../../../src/service/model/runner.ts';
import { type JobFacts, NO_FACTS } from '../../../src/service/model/runner.ts';
import type { JobConfig, ServiceConfig } from '../../../src/service/model/service-config.ts';
import type { ServiceEvent } from '../../../src/service/model/service-control.ts';
import { Scheduler } from '../../../src/service/scheduler/scheduler.ts';

const DAY_MS = 86_400_000;

/** A job that is backed up every day. */
export function makeJob(name: string, more: Partial<JobConfig> = {}): JobConfig {
  return {
    name,
    directory: `/srv/backy/${name}`,
    source: { type: 'file', filename: `/images/${name}.img` },
    scheduleName: 'default',
    schedule: new Map([['daily', { intervalMs: DAY_MS, keep: 9 }]]),
    timeZone: 'UTC',
    graceMs: DAY_MS,
    sla: new Map([['daily', 1.5 * DAY_MS]]),
    hooks: {},
    requireReflink: false,
    ...more,
  };
}

/** The configuration of a service with jobs. */
export function makeServiceConfig(
  jobs: readonly JobConfig[],
  more: Partial<ServiceConfig> = {},
): ServiceConfig {
  return {
    path: '/etc/backy.conf',
    baseDirectory: '/srv/backy',
    statusFile: '/srv/backy/status',
    statusIntervalMs: 30_000,
    workers: { fast: 2, slow: 1 },
    shutdownTimeoutMs: 1000,
    jobs: new Map(jobs.map((job) => [job.name, job])),
    schedules: ['default'],
    windows: new Map(),
    limits: new Map(),
    notify: [],
    api: { socket: '/run/api.sock', statusSocket: '/run/status.sock', addresses: [], tokens: new Map() },
    warnings: [],
    ...more,
  };
}

const OK: RunResult = { outcome: 'ok', code: null, message: null, uuid: 'u', bytesRead: 1, bytesWritten: 1 };

/** A run of a simulated service. */
export interface SimulatedRun extends RunRequest {
  readonly startMs: number;
  endMs: number | undefined;
  cancelled: boolean;
}

/** The end of a simulated run. */
export interface Ending {
  readonly result?: Partial<RunResult>;
  /** Milliseconds that it takes. */
  readonly ms?: number;
}

/** A scheduler in a world of its own: a clock that jumps from event to event, and runs that take as long as told. */
export class Simulation {
  nowMs: number;
  readonly runs: SimulatedRun[] = [];
  readonly events: Omit<ServiceEvent, 'id' | 'time'>[] = [];
  readonly facts: Map<string, JobFacts> = new Map();
  readonly scheduler: Scheduler;
  /** The result and the duration of a run, in milliseconds. */
  outcomeOf: (run: SimulatedRun) => Ending = (): Ending => ({});
  placeOf: (job: JobConfig) => string | undefined = (): string | undefined => undefined;
  spreadOf: (name: string) => number = (): number => 0;
  #wakeMs = Number.POSITIVE_INFINITY;
  #ends: { atMs: number; end: () => void }[] = [];
  #count = 0;

  constructor(config: ServiceConfig, startMs: number) {
    this.nowMs = startMs;
    this.scheduler = new Scheduler(config, {
      runner: {
        readFacts: async ({ name }) => this.facts.get(name) ?? NO_FACTS,
        start: (request) => this.#start(request),
        placeOf: (job) => this.placeOf(job),
      },
      now: () => this.nowMs,
      wakeAt: (atMs) => {
        this.#wakeMs = atMs;
      },
      spreadOf: (name) => this.spreadOf(name),
      newId: () => `run-${++this.#count}`,
      onEvent: (event) => this.events.push(event),
    });
  }

  /** Lets time pass until a moment. */
  async until(endMs: number): Promise<void> {
    while (this.nowMs < endMs) {
      await settled();
      const nextEnd = Math.min(...this.#ends.map(({ atMs }) => atMs));
      const atMs = Math.min(endMs, nextEnd, this.#wakeMs);
      this.nowMs = Math.max(this.nowMs, atMs);
      const over = this.#ends.filter((each) => each.atMs <= this.nowMs);
      this.#ends = this.#ends.filter((each) => each.atMs > this.nowMs);
      for (const { end } of over) end();
      await settled();
      if (this.#wakeMs <= this.nowMs) this.scheduler.wake();
    }
    await settled();
  }

  runsOf(name: string): readonly SimulatedRun[] {
    return this.runs.filter(({ job }) => job.name === name);
  }

  #start(request: RunRequest) {
    const run: SimulatedRun = { ...request, startMs: this.nowMs, endMs: undefined, cancelled: false };
    this.runs.push(run);
    const { result = {}, ms = 1000 } = this.outcomeOf(run);
    let resolve: (result: RunResult) => void = () => {};
    const done = new Promise<RunResult>((settle) => {
      resolve = settle;
    });
    const end = (): void => {
      if (run.endMs !== undefined) return;
      run.endMs = this.nowMs;
      const outcome: RunResult = run.cancelled ? { ...OK, outcome: 'cancelled' } : { ...OK, ...result };
      if (outcome.outcome === 'ok' && run.kind === 'backup') this.#record(run);
      resolve(outcome);
    };
    if (Number.isFinite(ms)) this.#ends.push({ atMs: this.nowMs + ms, end });
    const cancel = (): void => {
      run.cancelled = true;
      end();
    };
    return { done, cancel };
  }

  #record({ job, tags, slotMs, startMs }: SimulatedRun): void {
    const before = this.facts.get(job.name) ?? NO_FACTS;
    const taken = { takenAtMs: startMs, tags, isGood: true, ...(slotMs === undefined ? {} : { slotMs }) };
    const duration = (this.nowMs - startMs) / 1000;
    const last = {
      uuid: 'u',
      time: new Date(startMs).toISOString(),
      tags,
      duration,
      method: 'full',
      fallback: null,
    };
    const revisions = [...before.taken, taken].slice(-60);
    this.facts.set(job.name, { ...before, taken: revisions, last, revisions: revisions.length });
  }
}

/** Lets everything happen that waits for nothing but its turn. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 6; turn += 1) await Promise.resolve();
}
