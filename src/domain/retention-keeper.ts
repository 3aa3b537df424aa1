import { planRetention, type Retainable } from './retention.ts';
import type { Schedule } from './schedule.ts';

/** A simulated repository, which expires revisions after each backup. */
export interface Keeper {
  /** Adds a good revision, newer than all others, and runs an expiry. */
  add(revision: Retainable): void;
  /** The remaining revisions, oldest first. */
  kept(): readonly Retainable[];
}

/**
 * Applies `planRetention` after each backup in constant time: only the oldest revision with a tag can lose it, so it is the
 * only one to check. A property test compares the two. The simulation ignores alarms, as if a person confirmed them.
 *
 * @param present oldest first
 */
export function keep(schedule: Schedule, present: readonly Retainable[]): Keeper {
  const stock = newStock(schedule);
  for (const revision of present) stock.admit(revision);
  return {
    add: (revision) => {
      stock.admit(revision);
      for (const tag of schedule.keys()) expireTag(stock, schedule, tag, revision.takenAtMs);
      if (stock.bare.length === 0) return;
      const { verdicts } = planRetention(schedule, [...stock.bare, revision], revision.takenAtMs);
      stock.remove(new Set(verdicts.filter(({ kept }) => !kept).map(({ uuid }) => uuid)));
    },
    kept: () => [...stock.live.values()],
  };
}

/** Removes a tag from the oldest revisions with it, as far as the rule allows. */
function expireTag({ live, carriers, strip }: Stock, schedule: Schedule, tag: string, nowMs: number): void {
  const { keep: count = 0, intervalMs = 0 } = schedule.get(tag) ?? {};
  const queue = carriers.get(tag) ?? newQueue();
  for (let oldest = queue.first(); oldest !== undefined && queue.size() > count; oldest = queue.first()) {
    const { takenAtMs = nowMs } = live.get(oldest) ?? {};
    if (nowMs - takenAtMs <= count * intervalMs) return;
    queue.shift();
    strip(oldest, tag);
  }
}

/** The revisions of the simulated repository, with an index by tag. */
interface Stock {
  readonly live: ReadonlyMap<string, Retainable>;
  /** The good revisions with each tag, oldest first. */
  readonly carriers: ReadonlyMap<string, Queue>;
  /** Revisions without tags. Only a hold, or being the last good one, keeps them. */
  bare: readonly Retainable[];
  admit(revision: Retainable): void;
  strip(uuid: string, tag: string): void;
  remove(gone: ReadonlySet<string>): void;
}

function newStock(schedule: Schedule): Stock {
  const live = new Map<string, Retainable>();
  const carriers = new Map<string, Queue>([...schedule.keys()].map((tag) => [tag, newQueue()]));
  const stock: Stock = {
    live,
    carriers,
    bare: [],
    admit: (revision) => {
      live.set(revision.uuid, revision);
      if (!revision.isGood) return;
      for (const tag of new Set(revision.tags)) carriers.get(tag)?.push(revision.uuid);
      if (revision.tags.length === 0) stock.bare = [...stock.bare, revision];
    },
    strip: (uuid, tag) => {
      const revision = live.get(uuid);
      if (!revision) return;
      const stripped = { ...revision, tags: revision.tags.filter((other) => other !== tag) };
      live.set(uuid, stripped);
      if (stripped.tags.length === 0) stock.bare = [...stock.bare, stripped];
    },
    remove: (gone) => {
      for (const uuid of gone) live.delete(uuid);
      stock.bare = stock.bare.filter(({ uuid }) => !gone.has(uuid));
    },
  };
  return stock;
}

interface Queue {
  push(uuid: string): void;
  first(): string | undefined;
  shift(): void;
  size(): number;
}

/** A queue that removes its first item in constant time. */
function newQueue(): Queue {
  const items: string[] = [];
  let taken = 0;
  return {
    push: (uuid) => items.push(uuid),
    first: () => items[taken],
    shift: () => {
      taken += 1;
    },
    size: () => items.length - taken,
  };
}
