import type { Failure } from '#native';
import { describeBadBlocks } from '../domain/bad-blocks.ts';
import { adviceOnHolders, describeHolders, describeLocker } from '../domain/holder.ts';
import { formatSize } from '../domain/size.ts';
import { LARGEST_SIZE_LIMIT } from '../domain/size-limit.ts';
import { type BackyError, backyError, type ErrorCode } from '../errors.ts';
import { ioError } from '../io-error.ts';

/** Facts for error texts that only the caller knows. */
export interface FailureFacts {
  /** The work, such as `backup`. */
  readonly work?: string;
  /** The state after a cancelled operation. */
  readonly aftermath?: string;
  /** The formatted size of the revision to restore. */
  readonly size?: string;
}

/** A failure with a value for each fact, and the facts of the caller. */
export interface Facts extends Required<FailureFacts> {
  readonly failure: Failure;
  readonly path: string;
  readonly offset: number;
  readonly detail: string;
  readonly holders: NonNullable<Failure['holders']>;
}

/** The engine's name for a target without a path. */
export const STREAM = '-';

/** The cause and the details of an error. */
interface More {
  readonly cause: Failure;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Turns a failure of the engine into an error. A code outside of the table is a defect of the engine. */
export function errorOf(facts: Facts): BackyError {
  const { failure } = facts;
  const more = { cause: failure, details: failure.begun ? { begun: true } : {} };
  const build = BUILDERS.get(failure.code);
  return build
    ? build(facts, more)
    : backyError('BACKY_PANIC', { detail: `${failure.code}: ${facts.detail}` }, more);
}

type Build = (facts: Facts, more: More) => BackyError;

/** A builder for each code of the engine. A test compares the codes with those in the engine's source. */
const BY_CODE: Partial<Readonly<Record<ErrorCode, Build>>> = {
  BACKY_IO: ({ failure, path }) =>
    ioError({ ...failure, path: path === STREAM ? 'standard output' : path }, failure),
  BACKY_CANCELLED: ({ work, aftermath }, more) => backyError('BACKY_CANCELLED', { work, aftermath }, more),
  BACKY_INVALID_ARGUMENT: ({ detail }, more) => backyError('BACKY_INVALID_ARGUMENT', { detail }, more),
  BACKY_LOCKED: ({ work, path, holders, failure: { pid } }, more) => {
    const details = { pid: pid ?? 'unknown', heldBy: holders };
    return backyError(
      'BACKY_LOCKED',
      { work, path, holder: describeLocker(holders, pid) },
      { ...more, details },
    );
  },

  BACKY_SOURCE_RESTORING: ({ path, holders }, more) => {
    const named = holders.length > 0 ? [describeHolders(holders)] : [];
    const reason = ['a restore is writing to it', ...named].join(': ');
    const facts = { path, reason, advice: 'Back up when it has finished' };
    return backyError('BACKY_SOURCE_RESTORING', facts, { ...more, details: { heldBy: holders } });
  },
  BACKY_SOURCE_KIND: ({ path }, more) => backyError('BACKY_SOURCE_KIND', { path }, more),
  BACKY_SOURCE_RESIZED: ({ path }, more) => backyError('BACKY_SOURCE_RESIZED', { path }, more),
  BACKY_SOURCE_SHORT: ({ path, offset }, more) => backyError('BACKY_SOURCE_SHORT', { path, offset }, more),
  BACKY_SOURCE_DIFFERS: ({ path, offset }, more) =>
    backyError('BACKY_SOURCE_DIFFERS', { path, offset }, more),
  BACKY_SNAPSHOT_REPLACED: ({ path, detail }, more) =>
    backyError('BACKY_SNAPSHOT_REPLACED', { path, detail }, more),
  BACKY_TOO_LARGE: ({ path, detail }, more) =>
    backyError('BACKY_TOO_LARGE', { path, size: detail, limit: formatSize(LARGEST_SIZE_LIMIT) }, more),

  BACKY_TARGET_BUSY: ({ path, holders }, more) => {
    const facts = { path, holders: describeHolders(holders), advice: adviceOnHolders(holders) };
    return backyError('BACKY_TARGET_BUSY', facts, { ...more, details: { heldBy: holders } });
  },
  BACKY_TARGET_KIND: ({ path, detail }, more) =>
    backyError('BACKY_TARGET_KIND', { path, kind: detail }, more),
  BACKY_TARGET_PROTECTED: ({ path, detail }, more) =>
    backyError('BACKY_TARGET_PROTECTED', { path, ...protectionText(detail, path) }, more),
  BACKY_TARGET_SMALL: ({ path, size }, more) => backyError('BACKY_TARGET_SMALL', { path, size }, more),
  BACKY_TARGET_STALLED: ({ path, detail }, more) => {
    const reason = `its program has made no progress ${detail}`;
    return backyError('BACKY_TARGET_STALLED', { path, reason, advice: 'Check the storage behind it' }, more);
  },
  BACKY_CLONE_REFUSED: ({ path, detail }, more) =>
    backyError('BACKY_CLONE_REFUSED', { path, reason: detail }, more),
  BACKY_NO_PLACE: ({ path, detail }, more) => backyError('BACKY_NO_PLACE', { path, reason: detail }, more),

  BACKY_IMAGE_DAMAGED: ({ path, detail, failure: { badBlocks = [], badCount = 0 } }, more) => {
    // Damage to the image as a whole has no ranges.
    const ranges = badBlocks.length > 0 ? describeBadBlocks(badBlocks, badCount) : detail;
    const details = { ...more.details, badBlocks, badCount };
    return backyError('BACKY_IMAGE_DAMAGED', { path, ranges }, { ...more, details });
  },
  BACKY_INDEX_DAMAGED: ({ path, detail }, more) => backyError('BACKY_INDEX_DAMAGED', { path, detail }, more),
  BACKY_DIFF_DAMAGED: ({ path, offset, detail }, more) =>
    backyError('BACKY_DIFF_DAMAGED', { path, offset, detail }, more),
  BACKY_READ_BACK: ({ path, offset }, more) => backyError('BACKY_READ_BACK', { path, offset }, more),
  BACKY_PROGRAM_FAILED: ({ path, detail }, more) =>
    backyError('BACKY_PROGRAM_FAILED', { path, detail }, more),
  BACKY_REFLINK_UNSUPPORTED: ({ path, detail }, more) =>
    backyError('BACKY_REFLINK_UNSUPPORTED', { path, detail }, more),
  BACKY_SEAL_REFUSED: ({ path, detail }, more) => backyError('BACKY_SEAL_REFUSED', { path, detail }, more),

  BACKY_FILE_UNFIT: ({ path, detail }, more) =>
    backyError('BACKY_FILE_UNFIT', { path, reason: detail }, more),
  BACKY_FILE_FOREIGN: ({ path, detail }, more) => backyError('BACKY_FILE_FOREIGN', { path, detail }, more),
  BACKY_FILE_REPLACED: ({ path }, more) => backyError('BACKY_FILE_REPLACED', { path }, more),
  BACKY_LINK_FOREIGN: ({ path, detail }, more) => backyError('BACKY_LINK_FOREIGN', { path, detail }, more),
  BACKY_LOG_KIND: ({ path, detail }, more) => backyError('BACKY_LOG_KIND', { path, kind: detail }, more),
};

const BUILDERS: ReadonlyMap<string, Build> = new Map(Object.entries(BY_CODE));

/** Reason and advice for a write protection, by the engine's name for it. */
function protectionText(
  protection: string,
  path: string,
): { readonly reason: string; readonly advice: string } {
  switch (protection) {
    case 'device':
      return {
        reason: 'the device is read-only',
        advice: `See why (a write-protect switch, a snapshot, a read-only export); "blockdev --setrw ${path}" lifts the mark if that is all`,
      };
    case 'immutable':
      return { reason: 'it is immutable', advice: `Lift that with "chattr -i ${path}"` };
    case 'append-only':
      return { reason: 'it is append-only', advice: `Lift that with "chattr -a ${path}"` };
    default:
      return { reason: 'it is under fs-verity, for good', advice: 'Remove it' };
  }
}
