import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { randomUpTo } from '../../domain/mersenne-twister.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import { isoTime } from '../../domain/time-span.ts';
import { type BackyError, backyError, isBackyError } from '../../errors.ts';
import type { Engine, Lock } from '../../native/engine.ts';
import { loadEngine } from '../../native/load-engine.ts';
import { layoutOf } from '../../repository/layout.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import { loadServiceConfig } from '../config/load-service-config.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import type { PlannedRun, RunTicket, ServiceControl, ServiceEvent } from '../model/service-control.ts';
import type { JobStatus, RunSummary, ServiceStatus } from '../model/service-status.ts';
import { Notifier } from '../notify/notifier.ts';
import { send } from '../notify/send.ts';
import { readJobFacts } from '../runs/job-facts.ts';
import { placeOfSource } from '../runs/place-of-source.ts';
import { startRun } from '../runs/start-run.ts';
import { Scheduler } from '../scheduler/scheduler.ts';
import { simulateJobs } from '../scheduler/simulate-jobs.ts';
import { readState, type ServiceState } from '../state/state-file.ts';
import { AuditLog } from './audit-log.ts';
import { FilesystemWatch } from './filesystems.ts';
import { RunMeter } from './run-meter.ts';
import { DirectoryWatch } from './watch-directories.ts';
import { StateWriter } from './write-state.ts';

/** The surroundings of a service. */
export interface ServiceOptions {
  /** Takes messages for the log of the service. */
  readonly log?: (level: 'info' | 'warning', message: string) => void;
  readonly version: string;
}

const MINUTE_MS = 60_000;
/** Time between the request to end and the end by force. */
const TERM_GRACE_MS = 30_000;

/**
 * A running service: it holds the lock of its base directory, begins runs at their times, and keeps the status file
 * fresh. Everything that people and programs ask of it goes through {@link ServiceControl}.
 */
export class Service implements ServiceControl {
  readonly #options: ServiceOptions;
  readonly #engine: Engine;
  readonly #lock: Lock;
  readonly #scheduler: Scheduler;
  readonly #watch: DirectoryWatch;
  readonly #writer: StateWriter;
  readonly #notifier: Notifier;
  /** Gives up the messages that are under way. */
  readonly #closing = new AbortController();
  readonly #meter = new RunMeter();
  readonly #filesystems = new FilesystemWatch();
  readonly #listeners = new Set<(event: ServiceEvent) => void>();
  readonly #started = new Date().toISOString();
  #config: ServiceConfig;
  #configProblem: string | null = null;
  #events = 0;
  #timer: NodeJS.Timeout | undefined;
  #ended: Promise<void> | undefined;
  #api: { close(): void } | undefined;

  private constructor(config: ServiceConfig, engine: Engine, lock: Lock, options: ServiceOptions) {
    this.#config = config;
    this.#engine = engine;
    this.#lock = lock;
    this.#options = options;
    this.#scheduler = new Scheduler(config, {
      runner: {
        readFacts: readJobFacts,
        start: (request) => startRun(request, this.#runSettings()),
        placeOf: ({ source }) => placeOfSource(source),
      },
      now: Date.now,
      wakeAt: (atMs) => this.#wakeAt(atMs),
      spreadOf,
      newId: randomUUID,
      onEvent: (event) => this.#emit(event),
    });
    this.#watch = new DirectoryWatch((name) => void this.#scheduler.reread(name));
    this.#notifier = new Notifier(
      {
        send: (channel, changes) => send(channel, changes, this.#closing.signal),
        isClosed: () => this.#closing.signal.aborted,
        now: Date.now,
        later: (ms, work) => void setTimeout(work, ms).unref(),
        onProblem: (message) => this.#log('warning', message),
      },
      readState(config.baseDirectory).told,
    );
    this.#writer = new StateWriter(this.#engine, (message) => this.#log('warning', message));
  }

  /**
   * Starts the service of a configuration.
   *
   * @throws BACKY_CONFIG_INVALID, BACKY_SERVICE_RUNNING, BACKY_IO
   */
  static async start(path: string, options: ServiceOptions): Promise<Service> {
    const config = loadServiceConfig(path);
    const engine = await loadEngine();
    const service = new Service(config, engine, acquire(engine, config.baseDirectory), options);
    for (const warning of config.warnings) service.#log('warning', warning);
    await service.#configure(config);
    await service.#listen();
    service.#log('info', `serving ${config.jobs.size} jobs in ${config.baseDirectory}`);
    return service;
  }

  status(): ServiceStatus {
    const { version } = this.#options;
    return {
      time: new Date().toISOString(),
      version,
      started: this.#started,
      configOk: this.#configProblem === null,
      configProblem: this.#configProblem,
      jobs: this.#scheduler.statuses(),
      filesystems: this.#filesystems.statuses(),
      notifiers: this.#notifier.statuses(),
      pools: this.#scheduler.pools(),
      counts: this.#meter.counts(),
    };
  }

  job(name: string): JobStatus {
    return this.#scheduler.status(name);
  }

  async revisions(name: string): Promise<readonly RevisionRecord[]> {
    const { directory } = this.#scheduler.status(name);
    if (!existsSync(directory)) return [];
    return (await readRevisions(layoutOf(directory))).revisions.toReversed();
  }

  runs(name: string): readonly RunSummary[] {
    return this.#scheduler.history(name);
  }

  run(name: string, by: string): RunTicket {
    return this.#scheduler.run(name, 'backup', by);
  }

  verify(name: string, by: string): RunTicket {
    return this.#scheduler.run(name, 'verify', by);
  }

  pause(name: string, pause: { reason: string; until?: Date | undefined; by: string }): JobStatus {
    this.#log('info', `${pause.by} pauses ${name}: ${pause.reason}`);
    return this.#scheduler.pause(name, pause);
  }

  resume(name: string, by: string): JobStatus {
    this.#log('info', `${by} resumes ${name}`);
    return this.#scheduler.resume(name);
  }

  async reload(by: string): Promise<void> {
    try {
      const config = loadServiceConfig(this.#config.path);
      if (config.baseDirectory !== this.#config.baseDirectory) throw movedBase(config);
      this.#configProblem = null;
      await this.#configure(config);
      for (const warning of config.warnings) this.#log('warning', warning);
      this.#log('info', `${by} reloaded the configuration: ${config.jobs.size} jobs`);
      this.#emit({ type: 'config-loaded' });
    } catch (error) {
      if (!isBackyError(error)) throw error;
      this.#configProblem = error.message;
      this.#log('warning', `the configuration is refused, and the old one stays in force: ${error.message}`);
      this.#emit({ type: 'config-refused', problem: error.message });
      throw error;
    }
  }

  simulate(days: number): readonly PlannedRun[] {
    return simulateJobs(this.#config, this.#scheduler.plans(), { startMs: Date.now(), days });
  }

  listen(listener: (event: ServiceEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Begins no further run, waits for those under way, then ends them, and lets go of the base directory. */
  stop(): Promise<void> {
    this.#ended ??= this.#shutDown();
    return this.#ended;
  }

  async #shutDown(): Promise<void> {
    this.#scheduler.stop();
    this.#log('info', `stopping: ${this.#scheduler.busy()} runs are under way`);
    this.#emit({ type: 'stopping' });
    if (!(await this.#idleWithin(this.#config.shutdownTimeoutMs))) {
      this.#log('warning', 'runs are ended, because they take longer than shutdown-timeout');
      this.#scheduler.cancelAll('SIGTERM');
      if (!(await this.#idleWithin(TERM_GRACE_MS))) this.#scheduler.cancelAll('SIGKILL');
    }
    clearTimeout(this.#timer);
    this.#api?.close();
    this.#watch.close();
    this.#filesystems.close();
    this.#closing.abort();
    await this.#writer.close(this.#config, this.status(), this.#state());
    this.#lock.release();
    this.#log('info', 'stopped');
  }

  async #idleWithin(timeoutMs: number): Promise<boolean> {
    const endMs = performance.now() + timeoutMs;
    while (this.#scheduler.busy() > 0) {
      if (performance.now() >= endMs) return false;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return true;
  }

  async #configure(config: ServiceConfig): Promise<void> {
    const state = readState(config.baseDirectory);
    this.#config = config;
    await this.#scheduler.configure(config, (name) => state.jobs.get(name));
    this.#notifier.configure(config.notify);
    this.#watch.watch(config.jobs.values(), MINUTE_MS);
    this.#filesystems.watch(config, state.samples, MINUTE_MS);
    this.#write();
  }

  /** Loads the web server, which no other command needs. */
  async #listen(): Promise<void> {
    const { listen } = await import('../http/listen.ts');
    const audit = new AuditLog(this.#config.baseDirectory, (message) => this.#log('warning', message));
    this.#api = await listen({
      control: this,
      api: () => this.#config.api,
      audit: (entry) => audit.add(entry),
      onProblem: (message) => this.#log('warning', message),
    });
  }

  #runSettings() {
    const { completedCallback } = this.#config;
    return { completedCallback, onWarning: (message: string) => this.#log('warning', message) };
  }

  #wakeAt(atMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#wake(), Math.max(1, atMs - Date.now()));
  }

  #wake(): void {
    this.#scheduler.wake();
    this.#writer.refresh(this.#config.statusIntervalMs);
    if (this.#config.notify.length > 0) this.#notifier.observe(this.status());
  }

  #emit(event: Omit<ServiceEvent, 'id' | 'time'>): void {
    this.#events += 1;
    const full: ServiceEvent = { id: this.#events, time: isoTime(Date.now()), ...event };
    this.#tell(full);
    this.#meter.count(full);
    for (const listener of this.#listeners) listener(full);
    this.#write();
  }

  /** Logs the events that an operator looks for. */
  #tell({ type, run }: ServiceEvent): void {
    if (!run) return;
    const { job, kind, tags, outcome, message, askedBy } = run;
    const what = `${kind} of ${job}${tags.length > 0 ? ` for ${tags.join(', ')}` : ''}`;
    if (type === 'run-started') this.#log('info', `began the ${what} (${askedBy})`);
    else if (outcome === 'failed') this.#log('warning', `the ${what} failed: ${message ?? 'unknown reason'}`);
    else this.#log('info', `ended the ${what}: ${outcome}`);
  }

  #write(): void {
    this.#writer.schedule(() => ({
      config: this.#config,
      status: this.status(),
      state: this.#state(),
    }));
  }

  #state(): ServiceState {
    return {
      jobs: this.#scheduler.memories(),
      told: this.#notifier.told(),
      samples: this.#filesystems.samples(),
    };
  }

  #log(level: 'info' | 'warning', message: string): void {
    this.#options.log?.(level, message);
  }
}

/** @throws BACKY_SERVICE_RUNNING, BACKY_IO */
function acquire(engine: Engine, baseDirectory: string): Lock {
  try {
    return engine.lockFile(join(baseDirectory, '.lock'), 'exclusive');
  } catch (error) {
    if (!isBackyError(error, 'BACKY_LOCKED')) throw error;
    const holder = String(error.details.holder ?? 'another process');
    throw backyError('BACKY_SERVICE_RUNNING', { path: baseDirectory, holder }, { cause: error });
  }
}

function movedBase({ path, baseDirectory }: ServiceConfig): BackyError {
  const problem = `base-dir has become ${baseDirectory}, which takes a restart`;
  return backyError('BACKY_CONFIG_INVALID', { path, line: 1, column: 1, problem });
}

/** The spread of a job, as the Python backy has it: milliseconds up to `mostMs`. */
function spreadOf(name: string, mostMs: number): number {
  const digest = createHash('md5').update(name).digest();
  const words = [12, 8, 4, 0].map((offset) => digest.readUInt32BE(offset));
  return randomUpTo(Math.floor(mostMs / 1000), words) * 1000;
}
