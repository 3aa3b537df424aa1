import { backOffMs } from '../../domain/back-off.ts';
import { takenNow } from '../../domain/job-due.ts';
import { RUN_TAG } from '../../domain/tags.ts';
import { isoTime } from '../../domain/time-span.ts';
import { isOpen } from '../../domain/window.ts';
import { backyError } from '../../errors.ts';
import type { JobMemory } from '../model/job-memory.ts';
import type { Runner, RunResult } from '../model/runner.ts';
import type { JobConfig, Pool, ServiceConfig } from '../model/service-config.ts';
import type { RunTicket, ServiceEvent } from '../model/service-control.ts';
import type { JobStatus, PoolStatus, RunSummary } from '../model/service-status.ts';
import {
  isPlanned,
  isVerifyDue,
  type Job,
  LONGEST_HISTORY,
  newJob,
  nextMs,
  type PendingRun,
  plan,
} from './job.ts';
import { jobStatus } from './job-status.ts';
import { chooseNext, POOLS, type Usage, usageOf } from './queue.ts';

/** The world outside of the scheduler. */
export interface SchedulerDependencies {
  readonly runner: Runner;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Calls `wake` at a moment or earlier, instead of whatever was asked for before. */
  readonly wakeAt: (atMs: number) => void;
  /** The number of a job's name, in milliseconds up to `mostMs`. */
  readonly spreadOf: (name: string, mostMs: number) => number;
  readonly newId: () => string;
  readonly onEvent: (event: Omit<ServiceEvent, 'id' | 'time'>) => void;
}

/** Clocks jump, so the scheduler looks around this often. */
const LONGEST_SLEEP_MS = 30_000;
const BUSY_RETRY_MS = 10_000;

/**
 * Decides which run begins when. It knows no process and no file: it sees the world through its dependencies, and every
 * change of state happens in one of its calls.
 */
export class Scheduler {
  readonly #world: SchedulerDependencies;
  readonly #jobs = new Map<string, Job>();
  #config: ServiceConfig;
  #isStopping = false;

  constructor(config: ServiceConfig, world: SchedulerDependencies) {
    this.#config = config;
    this.#world = world;
  }

  /**
   * Takes the jobs of a configuration. A changed job takes effect after its current run; a job that left is forgotten
   * after its current run, and its repository stays.
   *
   * @param memoryOf what was remembered of a job before the service started
   */
  async configure(config: ServiceConfig, memoryOf: (name: string) => JobMemory | undefined): Promise<void> {
    this.#config = config;
    const fresh: Job[] = [];
    for (const job of config.jobs.values()) {
      const known = this.#jobs.get(job.name);
      if (known) this.#reconfigure(known, job);
      else fresh.push(this.#admit(job, memoryOf(job.name)));
    }
    for (const [name, job] of this.#jobs) {
      if (config.jobs.has(name)) continue;
      job.pending = undefined;
      if (!job.running) this.#jobs.delete(name);
    }
    for (const job of fresh) await this.#refresh(job);
    this.wake();
  }

  /** Queues what is due, starts what can start, and asks to be woken again. */
  wake(): void {
    const nowMs = this.#world.now();
    for (const job of this.#jobs.values()) this.#consider(job, nowMs);
    this.#closeWindows(nowMs);
    if (!this.#isStopping) this.#dispatch(nowMs);
    this.#world.wakeAt(Math.min(nowMs + LONGEST_SLEEP_MS, ...this.#wakeTimes(nowMs)));
  }

  /** Reads the records of a job again, because somebody else changed them. */
  async reread(name: string): Promise<void> {
    const job = this.#jobs.get(name);
    if (!job || job.running) return;
    await this.#refresh(job);
    this.wake();
  }

  /** @throws BACKY_JOB_UNKNOWN, BACKY_JOB_PAUSED, BACKY_SERVICE_STOPPING */
  run(name: string, kind: RunSummary['kind'], by: string): RunTicket {
    const job = this.#get(name);
    if (this.#isStopping) throw backyError('BACKY_SERVICE_STOPPING', {});
    if (job.pause && kind === 'backup')
      throw backyError('BACKY_JOB_PAUSED', { job: name, reason: job.pause.reason });
    if (job.running?.summary.kind === kind) return { job: name, run: job.running.summary.id };
    this.#queue(job, { kind, askedBy: by, isUrgent: true });
    this.wake();
    return { job: name, run: job.running?.summary.id ?? job.pending?.id ?? '' };
  }

  /** @throws BACKY_JOB_UNKNOWN */
  pause(
    name: string,
    { reason, until, by }: { reason: string; until?: Date | undefined; by: string },
  ): JobStatus {
    const job = this.#get(name);
    const since = isoTime(this.#world.now());
    job.pause = { reason, by, since, until: until ? until.toISOString() : null };
    job.pending = undefined;
    return this.#changed(job);
  }

  /** @throws BACKY_JOB_UNKNOWN */
  resume(name: string): JobStatus {
    const job = this.#get(name);
    job.pause = undefined;
    job.retryAtMs = undefined;
    this.wake();
    return this.#changed(job);
  }

  /** @throws BACKY_JOB_UNKNOWN */
  status(name: string): JobStatus {
    return jobStatus(this.#get(name), this.#config.windows, this.#world.now());
  }

  statuses(): readonly JobStatus[] {
    const nowMs = this.#world.now();
    return [...this.#jobs.values()].map((job) => jobStatus(job, this.#config.windows, nowMs));
  }

  /** @throws BACKY_JOB_UNKNOWN */
  history(name: string): readonly RunSummary[] {
    const { running, history } = this.#get(name);
    return running ? [running.summary, ...history] : history;
  }

  pools(): Readonly<Record<Pool, PoolStatus>> {
    return usageOf(this.#jobs.values(), this.#config).pools;
  }

  /** The jobs, to simulate them. */
  plans(): Iterable<Job> {
    return this.#jobs.values();
  }

  /** The memory of each job. */
  memories(): ReadonlyMap<string, JobMemory> {
    return new Map(
      [...this.#jobs].map(([name, { firstSeenMs, failures, retryAtMs, pause, history }]) => [
        name,
        { firstSeenMs, failures, retryAtMs, pause, history },
      ]),
    );
  }

  /** Begins no further run. */
  stop(): void {
    this.#isStopping = true;
    for (const job of this.#jobs.values()) job.pending = undefined;
  }

  /** Asks all runs to end. */
  cancelAll(signal: 'SIGTERM' | 'SIGKILL'): void {
    for (const { running } of this.#jobs.values()) running?.handle.cancel(signal);
  }

  /** Number of runs under way. */
  busy(): number {
    return [...this.#jobs.values()].filter(({ running }) => running).length;
  }

  #get(name: string): Job {
    const job = this.#jobs.get(name);
    if (job && this.#config.jobs.has(name)) return job;
    throw backyError('BACKY_JOB_UNKNOWN', { job: name });
  }

  #admit(config: JobConfig, memory: JobMemory | undefined): Job {
    const job = newJob(config, this.#spreadOf(config), this.#world.now(), memory);
    this.#jobs.set(config.name, job);
    return job;
  }

  #reconfigure(job: Job, config: JobConfig): void {
    const fresh = newJob(config, this.#spreadOf(config), this.#world.now());
    Object.assign(job, { config, zone: fresh.zone, spreadMs: fresh.spreadMs });
    plan(job, this.#world.now());
  }

  #spreadOf({ name, schedule }: JobConfig): number {
    const most = Math.max(1000, ...[...schedule.values()].map(({ intervalMs }) => intervalMs));
    return this.#world.spreadOf(name, most);
  }

  async #refresh(job: Job): Promise<void> {
    try {
      job.facts = await this.#world.runner.readFacts(job.config);
    } catch {
      // The next run meets the same obstacle, and says so.
    }
    plan(job, this.#world.now());
  }

  #consider(job: Job, nowMs: number): void {
    if (job.pause?.until && Date.parse(job.pause.until) <= nowMs) job.pause = undefined;
    if (job.pause || job.pending || job.running || this.#isStopping) return;
    if (job.retryAtMs !== undefined && job.retryAtMs > nowMs) return;
    if (isPlanned(job, nowMs) && job.config.verifyMs === undefined) return;
    plan(job, nowMs);
    const taken = takenNow(job.due, nowMs);
    const next = nextMs(job, this.#config.windows);
    if (taken && next !== undefined && next <= nowMs)
      this.#queue(job, {
        kind: 'backup',
        askedBy: taken.isMissed ? 'catch-up' : 'schedule',
        isUrgent: false,
      });
    else if (isVerifyDue(job, nowMs) && this.#isWindowOpen(job, nowMs))
      this.#queue(job, { kind: 'verify', askedBy: 'schedule', isUrgent: false });
  }

  #queue(job: Job, run: Pick<PendingRun, 'kind' | 'askedBy' | 'isUrgent'>): void {
    const id = job.pending?.id ?? this.#world.newId();
    job.pending = { id, sinceMs: this.#world.now(), ...run };
    this.#world.onEvent({ type: 'run-queued', job: job.config.name });
  }

  #dispatch(nowMs: number): void {
    for (const pool of POOLS) {
      for (;;) {
        const usage: Usage = usageOf(this.#jobs.values(), this.#config);
        const canStart = (job: Job): boolean =>
          job.pending?.isUrgent === true || this.#isWindowOpen(job, nowMs);
        const placeOf = (job: Job): string | undefined => this.#world.runner.placeOf(job.config);
        const next = chooseNext(pool, this.#jobs.values(), {
          usage,
          limits: this.#config.limits,
          canStart,
          placeOf,
        });
        if (!next) break;
        this.#start(next, pool, nowMs);
      }
    }
  }

  #isWindowOpen({ config, zone }: Job, nowMs: number): boolean {
    const window = config.window === undefined ? undefined : this.#config.windows.get(config.window);
    return !window || isOpen(window, nowMs, zone);
  }

  #start(job: Job, pool: Pool, nowMs: number): void {
    const { pending } = job;
    job.pending = undefined;
    if (!pending) return;
    plan(job, nowMs);
    const due = pending.isUrgent ? withoutDelay(job.due, nowMs) : job.due;
    const taken = pending.kind === 'backup' ? takenNow(due, nowMs) : undefined;
    // Somebody else has taken the revision meanwhile.
    if (pending.kind === 'backup' && !taken && !pending.isUrgent) return;
    const tags = pending.kind === 'verify' ? [] : (taken?.tags ?? [RUN_TAG]);
    const lateness = pending.askedBy === 'schedule' ? this.#latenessOf(job, nowMs) : {};
    const summary = begun(pending, job.config.name, tags, taken?.slotMs, nowMs);
    const request = {
      job: job.config,
      kind: pending.kind,
      tags,
      slotMs: pending.isUrgent ? undefined : taken?.slotMs,
    };
    const place = this.#world.runner.placeOf(job.config);
    const handle = this.#world.runner.start(request);
    job.running = { summary, handle, pool, place, isUrgent: pending.isUrgent };
    this.#world.onEvent({ type: 'run-started', job: job.config.name, run: summary, ...lateness });
    void handle.done.then((result) => this.#finish(job, result));
  }

  #latenessOf(job: Job, nowMs: number): { readonly lateSeconds?: number } {
    const momentMs = nextMs(job, this.#config.windows);
    return momentMs === undefined ? {} : { lateSeconds: Math.max(0, nowMs - momentMs) / 1000 };
  }

  async #finish(job: Job, result: RunResult): Promise<void> {
    const { running } = job;
    if (!running) return;
    await this.#refresh(job);
    const nowMs = this.#world.now();
    const { code, message, uuid, bytesRead, bytesWritten } = result;
    const outcome = result.outcome === 'busy' ? 'failed' : result.outcome;
    const summary = {
      ...running.summary,
      ended: isoTime(nowMs),
      outcome,
      code,
      message,
      uuid,
      bytesRead,
      bytesWritten,
    };
    job.running = undefined;
    if (result.outcome === 'busy') job.retryAtMs = nowMs + BUSY_RETRY_MS;
    else this.#account(job, summary, nowMs);
    job.history = [summary, ...job.history].slice(0, LONGEST_HISTORY);
    if (!this.#config.jobs.has(job.config.name)) this.#jobs.delete(job.config.name);
    this.#world.onEvent({ type: 'run-ended', job: job.config.name, run: summary, pool: running.pool });
    this.wake();
  }

  #account(job: Job, { outcome, kind }: RunSummary, nowMs: number): void {
    if (outcome === 'failed') {
      job.failures += 1;
      job.retryAtMs = nowMs + backOffMs(job.failures);
    } else if (outcome === 'cancelled') {
      job.retryAtMs = nowMs + BUSY_RETRY_MS;
    } else if (kind === 'backup') {
      job.failures = 0;
      job.retryAtMs = undefined;
    }
  }

  /** Cancels runs whose window has closed, if the window says so. */
  #closeWindows(nowMs: number): void {
    for (const job of this.#jobs.values()) {
      const { running, config } = job;
      if (!running || running.isUrgent || config.window === undefined) continue;
      const window = this.#config.windows.get(config.window);
      if (window?.stop === 'cancel' && !isOpen(window, nowMs, job.zone)) running.handle.cancel();
    }
  }

  #wakeTimes(nowMs: number): readonly number[] {
    return [...this.#jobs.values()].flatMap((job) => {
      if (job.pending || job.running || job.pause) return [];
      const next = nextMs(job, this.#config.windows);
      return next === undefined || next <= nowMs ? [] : [next];
    });
  }

  #changed(job: Job): JobStatus {
    const status = jobStatus(job, this.#config.windows, this.#world.now());
    this.#world.onEvent({ type: 'job-changed', job: job.config.name, status });
    return status;
  }
}

/** Missed tags wait a little after a start; a person who asks for a run does not. */
function withoutDelay(due: Job['due'], nowMs: number): Job['due'] {
  return due.map((tag) => (tag.isMissed ? { ...tag, atMs: Math.min(tag.atMs, nowMs) } : tag));
}

function begun(
  { id, kind, askedBy }: PendingRun,
  job: string,
  tags: readonly string[],
  slotMs: number | undefined,
  nowMs: number,
): RunSummary {
  const slot = slotMs === undefined ? null : isoTime(slotMs);
  const nothing = { code: null, message: null, uuid: null, bytesRead: null, bytesWritten: null };
  return {
    id,
    job,
    kind,
    started: isoTime(nowMs),
    ended: null,
    outcome: 'running',
    tags,
    slot,
    askedBy,
    ...nothing,
  };
}
