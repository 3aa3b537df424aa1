import type { UnreadableRevision } from '../../domain/revision.ts';
import { type RevisionRecord, sharesWithSource } from '../../domain/revision.ts';
import { type BackyError, isBackyError } from '../../errors.ts';
import { isIoError } from '../../io-error.ts';
import type { BadBlock, Engine } from '../../native/engine.ts';
import { updateLinks } from '../../repository/links.ts';
import { waitForWriterLock } from '../../repository/lock.ts';
import { readRecord, readRevisions } from '../../repository/read-revisions.ts';
import { rewriteRecord } from '../../repository/seal-revision.ts';
import type { Context } from '../context.ts';
import type { AlteredRecord } from './altered-record.ts';
import type { Repair, SharedDamage } from './repair-result.ts';

/** The findings about one revision. */
export interface Verdict {
  readonly uuid: string;
  /** `unknown`: it could not be looked at, for a reason that says nothing about it. */
  readonly verdict: 'good' | 'bad' | 'unknown';
  /** Bytes of the image. */
  readonly size: number;
  /** Bytes that were read. */
  readonly bytesRead: number;
  /** Bytes that were not read again, because the revision verified before it has them at the same place on the disk. */
  readonly bytesShared: number;
  /** Number of bad blocks. */
  readonly badCount: number;
  /** The first 10,000 of them. */
  readonly badBlocks: readonly BadBlock[];
  /** The reason why there is nothing to compare, or why the comparison failed. */
  readonly problem: string | null;
  /** The file that lists all of them. */
  readonly report: string | null;
  /** Other revisions that have the same bad places of the disk. */
  readonly sharers: readonly SharedDamage[];
  /** The result of the repair, if one was asked for. */
  readonly repair: Repair | null;
  /** Whether the record of the revision now says so. */
  readonly recorded: boolean;
  /** The record, if that is not as backy wrote it: then what it says of anything but the image is in doubt. */
  readonly alteredRecord: AlteredRecord | null;
}

/**
 * Writes what verifying found into the record of the revision, and moves the links if they point to a bad one.
 * A failure to write changes nothing about the verdict: it only causes a warning.
 */
export async function recordVerdict(context: Context, engine: Engine, verdict: Verdict): Promise<Verdict> {
  if (verdict.verdict === 'unknown') return verdict;
  try {
    await rewrite(context, engine, verdict);
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

/** The rest of a verdict without bad blocks. */
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

/** The verdict on a revision that could not be read. @param size of its image in bytes */
export function failedVerdict(uuid: string, size: number, error: BackyError): Verdict {
  const verdict = condemns(error) ? 'bad' : 'unknown';
  const { message, remedy } = error;
  const problem = isIoError(error, 'EACCES', 'EPERM') ? `${message}; ${remedy}` : message;
  return { uuid, verdict, size, problem, bytesRead: 0, ...NOTHING_BAD };
}

/** The verdict on a revision whose record this user may not read: nothing is known against it. */
export function unreadableVerdict({ uuid, reason }: UnreadableRevision): Verdict {
  return { uuid, verdict: 'unknown', size: 0, problem: reason, bytesRead: 0, ...NOTHING_BAD };
}

/** Whether a failure is the fault of the revision, rather than of the machine at this moment. */
function condemns({ code, details }: BackyError): boolean {
  if (code === 'BACKY_INDEX_DAMAGED' || code === 'BACKY_IMAGE_DAMAGED') return true;
  return code === 'BACKY_IO' && ['EIO', 'ENOENT', 'ELOOP', 'ENODATA'].includes(String(details.errno));
}

/** The same for a revision of which no more is known than that it is bad. */
export async function distrustRevision(context: Context, engine: Engine, uuid: string): Promise<void> {
  try {
    await rewrite(context, engine, { uuid, verdict: 'bad' });
  } catch (error) {
    if (!isBackyError(error)) throw error;
    context.log('warning', `that ${uuid} is bad could not be recorded: ${error.message}`);
  }
}

/** An image that began as the source's snapshot still is what the source was: if the index fits, all of it is right. */
function provesSource(record: RevisionRecord): boolean {
  return sharesWithSource(record);
}

async function rewrite(
  { layout, clock, log, signal }: Context,
  engine: Engine,
  { uuid, verdict }: Pick<Verdict, 'uuid' | 'verdict'>,
): Promise<void> {
  await waitForWriterLock(engine, layout, signal, async () => {
    // Read again under the lock: someone may have written it meanwhile.
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
