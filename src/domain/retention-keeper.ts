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
  const live = new Map<string, Retainable>();
  /** The good revisions with each tag, oldest first. */
  const carriers = new Map<string, Queue>([...schedule.keys()].map((tag) => [tag, newQueue()]));
  /** Revisions without tags. Only a hold, or being the last good one, keeps them. */
  let bare: readonly Retainable[] = [];

  const admit = (revision: Retainable): void => {
    live.set(revision.uuid, revision);
    if (!revision.isGood) return;
    for (const tag of new Set(revision.tags)) carriers.get(tag)?.push(revision.uuid);
    if (revision.tags.length === 0) bare = [...bare, revision];
  };
  const strip = (uuid: string, tag: string): void => {
    const revision = live.get(uuid);
    if (!revision) return;
    const stripped = { ...revision, tags: revision.tags.filter((other) => other !== tag) };
    live.set(uuid, stripped);
    if (stripped.tags.length === 0) bare = [...bare, stripped];
  };
  const expireTag = (tag: string, queue: Queue, nowMs: number): void => {
    const { keep: count = 0, intervalMs = 0 } = schedule.get(tag) ?? {};
    for (let oldest = queue.first(); oldest !== undefined && queue.size() > count; oldest = queue.first()) {
      const { takenAtMs = nowMs } = live.get(oldest) ?? {};
      if (nowMs - takenAtMs <= count * intervalMs) return;
      queue.shift();
      strip(oldest, tag);
    }
  };

  for (const revision of present) admit(revision);
  return {
    add: (revision) => {
      admit(revision);
      const nowMs = revision.takenAtMs;
      for (const [tag, queue] of carriers) expireTag(tag, queue, nowMs);
      if (bare.length === 0) return;
      const { verdicts } = planRetention(schedule, [...bare, revision], nowMs);
      const gone = new Set(verdicts.filter(({ kept }) => !kept).map(({ uuid }) => uuid));
      for (const uuid of gone) live.delete(uuid);
      bare = bare.filter(({ uuid }) => !gone.has(uuid));
    },
    kept: () => [...live.values()],
  };
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
