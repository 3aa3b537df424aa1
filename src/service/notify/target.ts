import { backOffMs } from '../../domain/back-off.ts';
import { DAY_MS } from '../../domain/duration.ts';
import type { Channel, NotifyTarget, Occasion } from '../model/service-config.ts';
import type { NotifierStatus } from '../model/service-status.ts';
import type { ToldToOne } from '../model/told.ts';
import type { Condition } from './conditions.ts';
import type { Change } from './message.ts';

/** The surroundings of the targets. */
export interface NotifierDependencies {
  readonly send: (channel: Channel, changes: readonly Change[]) => Promise<void>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Calls a function after some milliseconds. */
  readonly later: (ms: number, work: () => void) => void;
  readonly onProblem: (message: string) => void;
  /** Whether the service is ending, so that nothing is to be sent again. */
  readonly isClosed: () => boolean;
}

/** Changes gather for this long, so that 300 jobs that fail at once make one message. */
const DIGEST_MS = 10_000;
/** Between two messages. It doubles with each message while things keep changing. */
const SHORTEST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 3_600_000;
/** A monitor of pings takes silence for a failure. */
const PING_MS = 300_000;

/**
 * One target, and what it knows. Each message is the difference between that and the conditions of the moment, so a
 * target that was away for a week gets one message, nothing piles up, and nothing is lost by a restart.
 */
export class Target {
  readonly #world: NotifierDependencies;
  #config: NotifyTarget;
  #told: Map<string, { readonly subject: string; readonly toldMs: number }>;
  #conditions: ReadonlyMap<string, Condition> = new Map();
  #problem: string | null = null;
  #failures = 0;
  #sentMs = Number.NEGATIVE_INFINITY;
  #pauseMs = 0;
  #isBusy = false;

  constructor(config: NotifyTarget, world: NotifierDependencies, told: ToldToOne = {}) {
    this.#config = config;
    this.#world = world;
    this.#told = new Map(Object.entries(told));
  }

  configure(config: NotifyTarget): void {
    this.#config = config;
  }

  /** Takes the conditions of the moment. What changed is told a little later. */
  observe(all: ReadonlyMap<string, Condition>): void {
    this.#conditions = new Map([...all].filter(([, { occasion }]) => this.#wants(occasion)));
    if (!this.#wants('recovered')) this.#forgetWhatIsOver();
    if (this.#isBusy || !this.#hasNews()) return;
    this.#isBusy = true;
    this.#world.later(this.#delayMs(), () => void this.#tell());
  }

  status(): NotifierStatus {
    const { name, channel } = this.#config;
    return { name, type: channel.type, problem: this.#problem };
  }

  told(): ToldToOne {
    return Object.fromEntries(this.#told);
  }

  #wants(occasion: Occasion): boolean {
    return this.#config.when.includes(occasion);
  }

  #hasNews(): boolean {
    const isPingDue = this.#isPing() && this.#world.now() - this.#sentMs >= PING_MS;
    return isPingDue || this.#changes(this.#conditions).length > 0;
  }

  #isPing(): boolean {
    return this.#config.channel.type === 'ping';
  }

  /** A clock that was set back must not make a target wait for longer than it would have. */
  #delayMs(): number {
    if (this.#failures > 0) return Math.min(backOffMs(this.#failures), LONGEST_PAUSE_MS);
    const restMs = this.#sentMs + this.#pauseMs - this.#world.now();
    return Math.max(DIGEST_MS, Math.min(restMs, this.#pauseMs));
  }

  async #tell(): Promise<void> {
    const conditions = this.#conditions;
    const changes = this.#changes(conditions);
    const message = this.#isPing() ? [...conditions.values()] : changes;
    try {
      if (this.#hasNews() && (message.length > 0 || this.#isPing())) {
        await this.#world.send(this.#config.channel, message);
        this.#succeeded();
      }
      this.#remember(conditions, changes);
    } catch (error) {
      this.#failed(error instanceof Error ? error.message : String(error));
    }
    this.#isBusy = false;
    if (!this.#world.isClosed()) this.observe(this.#conditions);
  }

  #succeeded(): void {
    const nowMs = this.#world.now();
    const isCalm = nowMs - this.#sentMs > LONGEST_PAUSE_MS;
    if (this.#isPing() || isCalm) this.#pauseMs = this.#isPing() ? 0 : SHORTEST_PAUSE_MS;
    else this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    this.#sentMs = nowMs;
    this.#failures = 0;
    this.#problem = null;
  }

  #failed(problem: string): void {
    if (this.#problem === null && !this.#world.isClosed())
      this.#world.onProblem(`the notification by ${this.#config.name} failed: ${problem}`);
    this.#problem = problem;
    this.#failures += 1;
  }

  /** The conditions that are new, those that still last a day after they were told, and those that are over. */
  #changes(conditions: ReadonlyMap<string, Condition>): readonly Change[] {
    const nowMs = this.#world.now();
    const over = [...this.#told].filter(([key]) => !conditions.has(key));
    const recovered = over.map(([key, { subject }]): Change => {
      return { occasion: 'recovered', subject, text: `no longer ${key.slice(0, key.indexOf(' '))}` };
    });
    const fresh = [...conditions].filter(([key]) => {
      const before = this.#told.get(key);
      return !before || nowMs - before.toldMs >= DAY_MS;
    });
    return [...fresh.map(([, condition]) => condition), ...(this.#wants('recovered') ? recovered : [])];
  }

  #forgetWhatIsOver(): void {
    for (const key of this.#told.keys()) if (!this.#conditions.has(key)) this.#told.delete(key);
  }

  #remember(conditions: ReadonlyMap<string, Condition>, changes: readonly Change[]): void {
    const nowMs = this.#world.now();
    for (const key of this.#told.keys()) if (!conditions.has(key)) this.#told.delete(key);
    for (const [key, condition] of conditions)
      if (changes.includes(condition)) this.#told.set(key, { subject: condition.subject, toldMs: nowMs });
  }
}
