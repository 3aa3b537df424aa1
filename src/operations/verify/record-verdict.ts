import type { UnreadableRevision } from '../../domain/revision.ts';
import { type RevisionRecord, sharesWithSource } from '../../domain/revision.ts';
import { type BackyError, isBackyError } from '../../errors.ts';
import { isIoError } from '../../io-error.ts';
import type { BadBlock } from '../../native/engine.ts';
import { updateLinks } from '../../repository/links.ts';
import { waitForWriterLock } from '../../repository/lock.ts';
import { readRecord, readRevisions } from '../../repository/read-revisions.ts';
import { rewriteRecord } from '../../repository/seal-revision.ts';
import type { EngineContext } from '../context.ts';
import type { AlteredRecord } from './altered-record.ts';
import type { Repair, SharedDamage } from './repair-result.ts';

/** The findings about one revision. */
export interface Verdict {
  readonly uuid: string;
  /** `unknown`: it could not be checked, for a reason that says nothing about the revision. */
  readonly verdict: 'good' | 'bad' | 'unknown';
  /** Bytes of the image. */
  readonly size: number;
  /** Bytes that were read. */
  readonly bytesRead: number;
  /** Bytes that were skipped, because the revision verified before shares their place on the disk. */
  readonly bytesShared: number;
  /** Number of bad blocks. */
  readonly badCount: number;
  /** The first 10,000 bad blocks. */
  readonly badBlocks: readonly BadBlock[];
  /** The reason why no comparison was possible, or why it failed. */
  readonly problem: string | null;
  /** The file that lists all bad blocks. */
  readonly report: string | null;
  /** Other revisions that share the bad places on the disk. */
  readonly sharers: readonly SharedDamage[];
  /** The result of the repair, if requested. */
  readonly repair: Repair | null;
  /** Whether the record of the revision contains the verdict. */
  readonly recorded: boolean;
  /** The record, if somebody altered it. Its claims about anything but the image are in doubt then. */
  readonly alteredRecord: AlteredRecord | null;
}

/**
 * Writes a verdict into the record of the revision, and moves the links away from a bad one. A failed write leaves the
 * verdict unchanged and only causes a warning.
 */
export async function recordVerdict(context: EngineContext, verdict: Verdict): Promise<Verdict> {
  if (verdict.verdict === 'unknown') return verdict;
  try {
    await rewrite(context, verdict);
    return { ...verdict, recorded: true };
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    context.log(
      'warning',
      `that ${verdict.uuid} is ${verdict.verdict} could not be recorded: ${error.message}`,
    );
    return verdict;
  }
}

/** Default values of a verdict without bad blocks. */
export const NOTHING_BAD = {
  bytesShared: 0,
  badCount: 0,
  badBlocks: [],
  report: null,
  sharers: [],
  repair: null,
  recorded: false,
  alteredRecord: null,
} as const;

/** Builds the verdict on a revision that could not be read. @param size of its image in bytes */
export function failedVerdict(uuid: string, size: number, error: BackyError): Verdict {
  const verdict = condemns(error) ? 'bad' : 'unknown';
  const { message, remedy } = error;
  const problem = isIoError(error, 'EACCES', 'EPERM') ? `${message}; ${remedy}` : message;
  return { uuid, verdict, size, problem, bytesRead: 0, ...NOTHING_BAD };
}

/** Builds the verdict on a revision whose record this user may not read. It is unknown, not bad. */
export function unreadableVerdict({ uuid, reason }: UnreadableRevision): Verdict {
  return { uuid, verdict: 'unknown', size: 0, problem: reason, bytesRead: 0, ...NOTHING_BAD };
}

/** Whether a failure shows damage of the revision, and not a passing problem of the machine. */
function condemns({ code, details }: BackyError): boolean {
  if (code === 'BACKY_INDEX_DAMAGED' || code === 'BACKY_IMAGE_DAMAGED') return true;
  return code === 'BACKY_IO' && ['EIO', 'ENOENT', 'ELOOP', 'ENODATA'].includes(String(details.errno));
}

/** Records that a revision is bad, if no more is known about it. */
export async function distrustRevision(context: EngineContext, uuid: string): Promise<void> {
  try {
    await rewrite(context, { uuid, verdict: 'bad' });
  } catch (error) {
    if (!isBackyError(error)) throw error;
    context.log('warning', `that ${uuid} is bad could not be recorded: ${error.message}`);
  }
}

/** Whether a matching index proves the source: an image that was cloned from the snapshot is equal to it. */
function provesSource(record: RevisionRecord): boolean {
  return sharesWithSource(record);
}

async function rewrite(
  { layout, clock, log, signal, engine }: EngineContext,
  { uuid, verdict }: Pick<Verdict, 'uuid' | 'verdict'>,
): Promise<void> {
  await waitForWriterLock(engine, layout, signal, async () => {
    // Read again under the lock, because another process may have changed the record.
    const record = readRecord(layout, uuid);
    const isDoubted = record.distrustedBecause !== undefined && !provesSource(record);
    const trust = verdict === 'good' && !isDoubted ? 'verified' : 'distrusted';
    const verifiedAt = verdict === 'good' ? clock().toISOString() : record.verifiedAt;
    const { distrustedBecause: _reason, ...undoubted } = record;
    const base = trust === 'verified' ? undoubted : record;
    await rewriteRecord(engine, layout, { ...base, trust, verifiedAt });
    if (verdict === 'good' && isDoubted)
      log('warning', `${uuid} is what was written, but stays distrusted: ${record.distrustedBecause}`);
    await updateLinks(engine, layout, (await readRevisions(layout)).revisions);
  });
}
