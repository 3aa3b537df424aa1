import { isGood, type RevisionRecord } from './revision.ts';

/** The methods that read everything or are unknown. Their revisions do not depend on change hints. */
const UNHINTED: readonly string[] = ['full', 'unknown'];

/** Whether a revision depends on change hints of its source. */
export function isHinted({ stats }: RevisionRecord): boolean {
  return !UNHINTED.includes(stats.method);
}

/**
 * The revision at the start of a chain of hints, whose source was read in full. Records of earlier versions do not name
 * it; then it is the newest earlier revision that was read in full.
 *
 * @param revisions all revisions, oldest first
 * @returns undefined if it is gone and no record names it
 */
export function fullReadOf(record: RevisionRecord, revisions: readonly RevisionRecord[]): string | undefined {
  if (!isHinted(record)) return record.uuid;
  if (record.stats.fullRead !== undefined) return record.stats.fullRead;
  const at = revisions.findIndex(({ uuid }) => uuid === record.uuid);
  const full = revisions.slice(0, Math.max(0, at)).findLast((earlier) => !isHinted(earlier));
  return full?.uuid;
}

/**
 * The revisions that may lack changes if the hint for a child of `parent` was wrong: all that depend on hints since the
 * same full read.
 *
 * @param revisions all revisions, oldest first
 */
export function suspectsOf(parent: RevisionRecord, revisions: readonly RevisionRecord[]): readonly string[] {
  const root = fullReadOf(parent, revisions);
  return revisions
    .filter((record) => isHinted(record) && fullReadOf(record, revisions) === root)
    .map(({ uuid }) => uuid);
}

/**
 * Applies the suspicions that revisions record about others. A revision names its suspects in its own record, so they
 * become distrusted together with its sealing, even if the run ends before their records are rewritten.
 */
export function withDoubts(revisions: readonly RevisionRecord[]): readonly RevisionRecord[] {
  const doubts = new Map<string, string>();
  for (const { uuid, suspects = [] } of revisions)
    for (const suspect of suspects) doubts.set(suspect, describeDoubt(uuid));
  if (doubts.size === 0) return revisions;
  return revisions.map((record) => {
    const reason = doubts.get(record.uuid);
    return reason === undefined ? record : doubted(record, reason);
  });
}

/** The record of a revision that may lack changes. A distrusted record is returned as it is. */
export function doubted(record: RevisionRecord, reason: string): RevisionRecord {
  return isGood(record) ? { ...record, trust: 'distrusted', distrustedBecause: reason } : record;
}

/** The reason to distrust a revision. @param finder the revision for which a hint was wrong */
export function describeDoubt(finder: string): string {
  return `the source did not tell of all changes, as ${finder} found out; this one rests on what it told before`;
}

/** Whether the bytes on the disk are known to be damaged. Otherwise the index proves them. */
export function isDamagedOnDisk(record: RevisionRecord): boolean {
  return !isGood(record) && record.distrustedBecause === undefined;
}
