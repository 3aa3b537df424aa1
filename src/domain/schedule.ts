import { DAY_MS } from './duration.ts';
import { isGood, type RevisionRecord, takenAt } from './revision.ts';

/** What a schedule says of one tag. */
export interface ScheduleRule {
  /** How often a revision with the tag is taken, in milliseconds. */
  readonly intervalMs: number;
  /** How many of them are kept. */
  readonly keep: number;
}

/** How many are kept where all are. */
export const KEEP_ALL: number = Number.MAX_SAFE_INTEGER;

/** The rules by tag, in the order of the configuration. */
export type Schedule = ReadonlyMap<string, ScheduleRule>;

/** A revision dated further in the future than this does not count: some clock was wrong. */
export const CLOCK_TOLERANCE_MS: number = DAY_MS;

/** The tags for which it is time: no good revision carries them that is younger than their interval. */
export function dueTags(
  schedule: Schedule,
  revisions: readonly RevisionRecord[],
  now: Date,
): readonly string[] {
  const good = revisions.filter(isGood);
  const isFresh = (record: RevisionRecord, intervalMs: number): boolean => {
    const ageMs = now.getTime() - takenAt(record);
    return ageMs >= -CLOCK_TOLERANCE_MS && ageMs < intervalMs;
  };
  return [...schedule]
    .filter(([tag, { intervalMs }]) => !good.some((r) => r.tags.includes(tag) && isFresh(r, intervalMs)))
    .map(([tag]) => tag);
}
