import { planRetention, type Retainable } from './retention.ts';
import type { Schedule } from './schedule.ts';

/** A repository in a simulation: expires after each backup, as a real one does. */
export interface Keeper {
  /** Takes a good revision that is newer than all others, and expires. */
  add(revision: Retainable): void;
  /** What is left, oldest first. */
  kept(): readonly Retainable[];
}

/**
 * Applies `planRetention` to one backup after the other, in time that does not grow with the number of revisions:
 * a tag is only ever lost by the oldest revision that carries it, so looking at that one is enough.
 * A property test holds the two against each other. Alarms stop a real expiry until somebody confirms it; here
 * somebody does.
 *
 * @param present oldest first
 */
export function keep(schedule: Schedule, present: readonly Retainable[]): Keeper {
  const live = new Map<string, Retainable>();
  /** The good revisions with a tag, oldest first. */
  const carriers = new Map<string, Queue>([...schedule.keys()].map((tag) => [tag, newQueue()]));
  /** What only a hold, or being the last good one, keeps. */
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

/** A list whose front can be taken off in constant time. */
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
