import { backOffMs } from '../../domain/back-off.ts';
import { DAY_MS } from '../../domain/duration.ts';
import type { Channel, NotifyTarget } from '../model/service-config.ts';
import type { NotifierStatus, ServiceStatus } from '../model/service-status.ts';
import { type Condition, conditionsOf } from './conditions.ts';
import type { Change } from './message.ts';

/** The surroundings of the notifier. */
export interface NotifierDependencies {
  readonly send: (channel: Channel, changes: readonly Change[]) => Promise<void>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Calls a function after some milliseconds. */
  readonly later: (ms: number, work: () => void) => void;
  readonly onProblem: (message: string) => void;
}

/** The conditions that everybody was told of, with the time, in milliseconds since 1970. */
export type Told = Readonly<Record<string, { readonly subject: string; readonly toldMs: number }>>;

/** Changes gather for this long, so that 300 jobs that fail at once make one message. */
const DIGEST_MS = 10_000;
const MOST_ATTEMPTS = 8;

/**
 * Tells targets of changes: that something is wrong, again each day, and that it is right again. Nothing waits for a
 * target, and one that fails is tried again.
 */
export class Notifier {
  readonly #world: NotifierDependencies;
  #targets: readonly NotifyTarget[] = [];
  readonly #problems = new Map<string, string>();
  #told = new Map<string, { readonly subject: string; readonly toldMs: number }>();
  #latest: ServiceStatus | undefined;
  #isWaiting = false;

  constructor(world: NotifierDependencies, told: Told = {}) {
    this.#world = world;
    this.#told = new Map(Object.entries(told));
  }

  configure(targets: readonly NotifyTarget[]): void {
    this.#targets = targets;
    for (const name of this.#problems.keys())
      if (!targets.some((target) => target.name === name)) this.#problems.delete(name);
  }

  /** Takes the latest state. What changed is told a little later. */
  observe(status: ServiceStatus): void {
    this.#latest = status;
    if (this.#isWaiting || this.#targets.length === 0) return;
    this.#isWaiting = true;
    this.#world.later(DIGEST_MS, () => this.#digest());
  }

  statuses(): readonly NotifierStatus[] {
    return this.#targets.map(({ name, channel }) => ({
      name,
      type: channel.type,
      problem: this.#problems.get(name) ?? null,
    }));
  }

  /** What to remember over a restart. */
  told(): Told {
    return Object.fromEntries(this.#told);
  }

  #digest(): void {
    this.#isWaiting = false;
    if (!this.#latest) return;
    const nowMs = this.#world.now();
    const changes = this.#changes(conditionsOf(this.#latest, nowMs), nowMs);
    if (changes.length === 0) return;
    for (const target of this.#targets) {
      const wanted = changes.filter(({ occasion }) => target.when.includes(occasion));
      if (wanted.length > 0) void this.#send(target, wanted, 1);
    }
  }

  #changes(conditions: ReadonlyMap<string, Condition>, nowMs: number): readonly Change[] {
    const changes: Change[] = [];
    for (const [key, { subject }] of this.#told) {
      if (conditions.has(key)) continue;
      this.#told.delete(key);
      changes.push({ occasion: 'recovered', subject, text: `no longer ${key.slice(0, key.indexOf(' '))}` });
    }
    for (const [key, condition] of conditions) {
      const before = this.#told.get(key);
      if (before && nowMs - before.toldMs < DAY_MS) continue;
      this.#told.set(key, { subject: condition.subject, toldMs: nowMs });
      changes.push(condition);
    }
    return changes;
  }

  async #send(target: NotifyTarget, changes: readonly Change[], attempt: number): Promise<void> {
    try {
      await this.#world.send(target.channel, changes);
      this.#problems.delete(target.name);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (!this.#problems.has(target.name))
        this.#world.onProblem(`the notification by ${target.name} failed: ${problem}`);
      this.#problems.set(target.name, problem);
      if (attempt < MOST_ATTEMPTS)
        this.#world.later(backOffMs(attempt), () => void this.#send(target, changes, attempt + 1));
    }
  }
}
