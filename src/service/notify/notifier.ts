import type { NotifyTarget } from '../model/service-config.ts';
import type { NotifierStatus, ServiceStatus } from '../model/service-status.ts';
import type { Told } from '../model/told.ts';
import { conditionsOf } from './conditions.ts';
import { type NotifierDependencies, Target } from './target.ts';

/**
 * Tells targets of changes: that something is wrong, again each day, and that it is right again. Nothing waits for a
 * target, and one that fails is tried again.
 */
export class Notifier {
  readonly #world: NotifierDependencies;
  readonly #before: Told;
  #targets: ReadonlyMap<string, Target> = new Map();

  /** @param before what targets were told in an earlier life of the service */
  constructor(world: NotifierDependencies, before: Told = {}) {
    this.#world = world;
    this.#before = before;
  }

  configure(targets: readonly NotifyTarget[]): void {
    const known = this.#targets;
    this.#targets = new Map(
      targets.map((config) => {
        const target = known.get(config.name) ?? new Target(config, this.#world, this.#before[config.name]);
        target.configure(config);
        return [config.name, target];
      }),
    );
  }

  /** Takes the latest state. What changed is told a little later. */
  observe(status: ServiceStatus): void {
    if (this.#targets.size === 0) return;
    const conditions = conditionsOf(status, this.#world.now());
    for (const target of this.#targets.values()) target.observe(conditions);
  }

  statuses(): readonly NotifierStatus[] {
    return [...this.#targets.values()].map((target) => target.status());
  }

  /** The memory of each target, to keep over a restart. */
  told(): Told {
    return Object.fromEntries([...this.#targets].map(([name, target]) => [name, target.told()]));
  }
}
