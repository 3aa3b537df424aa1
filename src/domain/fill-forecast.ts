import { DAY_MS } from './duration.ts';

/** The free space of a filesystem at a moment, in milliseconds since 1970 and bytes. */
export interface SpaceSample {
  readonly atMs: number;
  readonly size: number;
  readonly free: number;
}

/** A filesystem that will be full within this time is worth a warning. */
export const FULL_SOON_MS: number = 14 * DAY_MS;

/** Samples that are older tell nothing of today's pace. */
const LONGEST_MS = 14 * DAY_MS;
/** Less tells nothing of a pace: a first full backup or one purge would decide. */
const SHORTEST_MS = DAY_MS;
const SPACING_MS = DAY_MS / 24;

/** ZFS tells a size that changes a little with what other datasets hold. More means that the filesystem has grown. */
const SAME_SIZE = 0.05;

/** Adds a sample, an hour after the one before at the earliest, and forgets what is too old. */
export function addSample(samples: readonly SpaceSample[], sample: SpaceSample): readonly SpaceSample[] {
  const { atMs } = sample;
  // A clock that was set back leaves samples of the future behind.
  const kept = samples.filter((old) => old.atMs <= atMs && atMs - old.atMs <= LONGEST_MS);
  const newest = kept.at(-1);
  return newest && atMs - newest.atMs < SPACING_MS ? kept : [...kept, sample];
}

/**
 * The bytes by which a filesystem fills up in a millisecond: the median of the slopes between all pairs of samples (the
 * estimator of Theil and Sen), which a purge or a single large backup hardly moves. Samples of a filesystem of another size
 * do not count. Undefined if the others cover less than a day.
 */
export function fillPace(all: readonly SpaceSample[]): number | undefined {
  const last = all.at(-1);
  const samples = all.filter(({ size }) => last && Math.abs(size - last.size) <= last.size * SAME_SIZE);
  const [first] = samples;
  if (!first || !last || last.atMs - first.atMs < SHORTEST_MS) return undefined;
  const slopes = samples.flatMap((one, index) =>
    samples.slice(index + 1).map((other) => (one.free - other.free) / (other.atMs - one.atMs)),
  );
  slopes.sort((one, other) => one - other);
  const middle = slopes.length / 2;
  const [low = 0, high = 0] = [slopes[Math.ceil(middle) - 1], slopes[Math.floor(middle)]];
  return (low + high) / 2;
}

/** When a filesystem will be full, in milliseconds since 1970. Undefined: not in sight. */
export function fullAtMs(
  { atMs, free }: Pick<SpaceSample, 'atMs' | 'free'>,
  pace: number | undefined,
): number | undefined {
  if (free <= 0) return atMs;
  return pace === undefined || pace <= 0 ? undefined : atMs + free / pace;
}
