import { isBackyError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import type { ServiceStatus } from '../model/service-status.ts';
import { formatState, type ServiceState, stateFile } from '../state/state-file.ts';
import { formatStatusFile } from '../state/status-file.ts';

/** Everything that is written down. */
export interface Snapshot {
  readonly config: ServiceConfig;
  readonly status: ServiceStatus;
  readonly state: ServiceState;
}

const READABLE_FILE = 0o644;
const PRIVATE_FILE = 0o600;
const SHORTEST_MS = 1000;

/**
 * Writes the status file and the state after a change, once a second at most, and the status file at least once in an
 * interval. A failure is reported once, and keeps nothing else from its work.
 */
export class StateWriter {
  readonly #engine: Engine;
  readonly #onProblem: (message: string) => void;
  #take: (() => Snapshot) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #writtenMs = Number.NEGATIVE_INFINITY;
  #problem: string | undefined;

  constructor(engine: Engine, onProblem: (message: string) => void) {
    this.#engine = engine;
    this.#onProblem = onProblem;
  }

  /** Asks for a write soon. @param take returns the facts at the time of writing */
  schedule(take: () => Snapshot): void {
    this.#take = take;
    this.#timer ??= setTimeout(
      () => this.#write(),
      Math.max(0, this.#writtenMs + SHORTEST_MS - performance.now()),
    );
  }

  /** Asks for a write if the last one is an interval ago. */
  refresh(intervalMs: number): void {
    if (this.#take && performance.now() - this.#writtenMs >= intervalMs) this.schedule(this.#take);
  }

  /** Writes for the last time. */
  async close(config: ServiceConfig, status: ServiceStatus, state: ServiceState): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writing;
    await this.#writeNow({ config, status, state });
  }

  #write(): void {
    this.#timer = undefined;
    this.#writtenMs = performance.now();
    const take = this.#take;
    if (take) this.#writing = this.#writing.then(() => this.#writeNow(take()));
  }

  async #writeNow({ config, status, state }: Snapshot): Promise<void> {
    try {
      await this.#engine.replaceFile(config.statusFile, formatStatusFile(status), READABLE_FILE);
      await this.#engine.replaceFile(stateFile(config.baseDirectory), formatState(state), PRIVATE_FILE);
      this.#problem = undefined;
    } catch (error) {
      const problem = isBackyError(error) ? error.message : String(error);
      if (problem !== this.#problem) this.#onProblem(`the state cannot be written: ${problem}`);
      this.#problem = problem;
    }
  }
}
