import { type RevisionRecord, takenAt } from './revision.ts';

/** Selection and order of the revisions to verify. */
export interface VerificationOrder {
  /** Leaves out revisions verified less than this many milliseconds ago; by default none. */
  readonly olderThanMs?: number | undefined;
  /** Puts the newest revision first. */
  readonly newestFirst?: boolean | undefined;
  /** Puts the least recently verified revision first, so that limited runs reach all revisions in turn. */
  readonly stalestFirst?: boolean | undefined;
}

/**
 * Orders revisions for verification and leaves out recently verified ones.
 *
 * @param nowMs milliseconds since 1970; a verification dated later does not count
 */
export function inOrderOfVerification(
  revisions: readonly RevisionRecord[],
  { olderThanMs, newestFirst = false, stalestFirst = false }: VerificationOrder,
  nowMs: number,
): readonly RevisionRecord[] {
  const isDue = (record: RevisionRecord): boolean => {
    const verifiedMs = verifiedAtMs(record);
    return olderThanMs === undefined || verifiedMs > nowMs || nowMs - verifiedMs >= olderThanMs;
  };
  const due = revisions.filter(isDue);
  if (newestFirst) return due.toSorted((one, other) => takenAt(other) - takenAt(one));
  return stalestFirst ? due.toSorted((one, other) => verifiedAtMs(one) - verifiedAtMs(other)) : due;
}

/** Time of the oldest last verification, or of the backup if it was never verified, in milliseconds since 1970. */
export function leastVerifiedMs(revisions: readonly RevisionRecord[]): number | undefined {
  if (revisions.length === 0) return undefined;
  return revisions.reduce(
    (least, record) => Math.min(least, record.verifiedAt === null ? takenAt(record) : verifiedAtMs(record)),
    Number.POSITIVE_INFINITY,
  );
}

/** Time of the last verification; minus infinity if there was none. */
function verifiedAtMs({ verifiedAt }: RevisionRecord): number {
  return verifiedAt === null ? Number.NEGATIVE_INFINITY : Date.parse(verifiedAt);
}
