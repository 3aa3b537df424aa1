import { type RevisionRecord, takenAt } from './revision.ts';

/** Which revisions a verification reads, and in which order. */
export interface VerificationOrder {
  /** Leave out what was verified less than this many milliseconds ago; absent: leave out nothing. */
  readonly olderThanMs?: number | undefined;
  /** The newest revision first. */
  readonly newestFirst?: boolean | undefined;
  /** The revision whose verification is longest ago first, so that runs with a limit get round all of them. */
  readonly stalestFirst?: boolean | undefined;
}

/**
 * Puts revisions in the order in which they are to be verified, without those that were verified lately.
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

/** When the least recently verified revision was verified or, if it never was, taken. Undefined without revisions. */
export function leastVerifiedMs(revisions: readonly RevisionRecord[]): number | undefined {
  if (revisions.length === 0) return undefined;
  return revisions.reduce(
    (least, record) => Math.min(least, record.verifiedAt === null ? takenAt(record) : verifiedAtMs(record)),
    Number.POSITIVE_INFINITY,
  );
}

/** Before all times for a revision that was never verified. */
function verifiedAtMs({ verifiedAt }: RevisionRecord): number {
  return verifiedAt === null ? Number.NEGATIVE_INFINITY : Date.parse(verifiedAt);
}
