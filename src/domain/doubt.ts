import { isGood, type RevisionRecord } from './revision.ts';

/** The methods that read everything, or of which nothing is known: their revisions rest on no hint. */
const UNHINTED: readonly string[] = ['full', 'unknown'];

/** Whether a revision rests on what its source said of changes. */
export function isHinted({ stats }: RevisionRecord): boolean {
  return !UNHINTED.includes(stats.method);
}

/**
 * The revision whose source was read in full, and on which all hints since rest. Records of earlier versions do not
 * name it; then it is the newest one before that was read in full.
 *
 * @param revisions all there are, oldest first
 * @returns undefined when it is gone and nothing names it
 */
export function fullReadOf(record: RevisionRecord, revisions: readonly RevisionRecord[]): string | undefined {
  if (!isHinted(record)) return record.uuid;
  if (record.stats.fullRead !== undefined) return record.stats.fullRead;
  const at = revisions.findIndex(({ uuid }) => uuid === record.uuid);
  const full = revisions.slice(0, Math.max(0, at)).findLast((earlier) => !isHinted(earlier));
  return full?.uuid;
}

/**
 * The revisions that may lack changes when the hint for a child of `parent` was wrong: all that rest on hints since
 * the same full read.
 *
 * @param revisions all there are, oldest first
 */
export function suspectsOf(parent: RevisionRecord, revisions: readonly RevisionRecord[]): readonly string[] {
  const root = fullReadOf(parent, revisions);
  return revisions
    .filter((record) => isHinted(record) && fullReadOf(record, revisions) === root)
    .map(({ uuid }) => uuid);
}

/**
 * The revisions with the doubts that others have of them. A revision names those in its own record, so that the doubts
 * begin with it, even if the run ends before they are written into theirs.
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

/** The record of a revision that may lack changes. One that is distrusted already was found damaged. */
export function doubted(record: RevisionRecord, reason: string): RevisionRecord {
  return isGood(record) ? { ...record, trust: 'distrusted', distrustedBecause: reason } : record;
}

/** Why a revision is in doubt. @param finder the revision for which a hint was found to be wrong */
export function describeDoubt(finder: string): string {
  return `the source did not tell of all changes, as ${finder} found out; this one rests on what it told before`;
}

/** Whether something is wrong with the bytes on the disk, as far as is known: only then hashes do not prove them. */
export function isDamagedOnDisk(record: RevisionRecord): boolean {
  return !isGood(record) && record.distrustedBecause === undefined;
}
