import type { Failure } from '#native';
import type { BackyError } from '../errors.ts';
import { errorOf, type FailureFacts, STREAM } from './failure-errors.ts';

/** Facts for error texts that only the caller knows. */
export interface FailureFacts {
  /** The work, such as `backup`. */
  readonly work?: string;
  /** The state after a cancelled operation. */
  readonly aftermath?: string;
  /** The formatted size of the revision to restore. */
  readonly size?: string;
}

/** The engine's name for a target without a path. */
const STREAM = '-';

/** Whether the addon returned a failure. */
export function isFailure(outcome: unknown): outcome is Failure {
  return typeof outcome === 'object' && outcome !== null && 'failed' in outcome && outcome.failed === true;
}

/** Returns the result of a call. @throws BackyError if the call failed */
export function unwrap<Result>(outcome: Result | Failure): Result {
  if (isFailure(outcome)) throw toBackyError(outcome);
  return outcome;
}

/** Turns a failure of the engine into an error of the table in errors.ts. */
export function toBackyError(
  failure: Failure,
  { work = 'work', aftermath = '', size = '' }: FailureFacts = {},
): BackyError {
  const {
    code,
    path = STREAM,
    offset = 0,
    pid,
    badBlocks = [],
    badCount = 0,
    holders = [],
    message,
    detail = message,
  } = failure;
  const more = { cause: failure, details: failure.begun ? { begun: true } : {} };
  const named = holders.length > 0 ? [describeHolders(holders)] : [];
  switch (code) {
    case 'BACKY_IO':
      return ioError({ ...failure, path: path === STREAM ? 'standard output' : path }, failure);
    case 'BACKY_SOURCE_RESTORING':
      return backyError(
        code,
        {
          path,
          reason: ['a restore is writing to it', ...named].join(': '),
          advice: 'Back up when it has finished',
        },
        { ...more, details: { heldBy: holders } },
      );
    case 'BACKY_CANCELLED':
      return backyError(code, { work, aftermath }, more);
    case 'BACKY_LOCKED':
      return backyError(
        code,
        { work, path, holder: describeLocker(holders, pid) },
        { ...more, details: { pid: pid ?? 'unknown', heldBy: holders } },
      );
    case 'BACKY_FILE_UNFIT':
      return backyError(code, { path, reason: detail }, more);
    case 'BACKY_TOO_LARGE':
      return backyError(code, { path, size: detail, limit: formatSize(LARGEST_SIZE_LIMIT) }, more);
    case 'BACKY_SOURCE_SHORT':
    case 'BACKY_SOURCE_DIFFERS':
    case 'BACKY_READ_BACK':
      return backyError(code, { path, offset }, more);
    case 'BACKY_SOURCE_RESIZED':
    case 'BACKY_SOURCE_KIND':
      return backyError(code, { path }, more);
    case 'BACKY_TARGET_BUSY':
      return backyError(
        code,
        { path, holders: describeHolders(holders), advice: adviceOnHolders(holders) },
        { ...more, details: { heldBy: holders } },
      );
    case 'BACKY_TARGET_KIND':
      return backyError(code, { path, kind: detail }, more);
    case 'BACKY_TARGET_PROTECTED':
      return backyError(code, { path, ...protectionText(detail, path) }, more);
    case 'BACKY_TARGET_STALLED':
      return backyError(
        code,
        { path, reason: `its program has made no progress ${detail}`, advice: 'Check the storage behind it' },
        more,
      );
    case 'BACKY_TARGET_SMALL':
      return backyError(code, { path, size }, more);
    case 'BACKY_CLONE_REFUSED':
    case 'BACKY_NO_PLACE':
      return backyError(code, { path, reason: detail }, more);
    case 'BACKY_LINK_FOREIGN':
    case 'BACKY_FILE_FOREIGN':
      return backyError(code, { path, detail }, more);
    case 'BACKY_FILE_REPLACED':
      return backyError(code, { path }, more);
    case 'BACKY_LOG_KIND':
      return backyError(code, { path, kind: detail }, more);
    case 'BACKY_IMAGE_DAMAGED':
      return backyError(
        code,
        // A problem of the image as a whole is no range of it.
        { path, ranges: badBlocks.length > 0 ? describeBadBlocks(badBlocks, badCount) : detail },
        { ...more, details: { ...more.details, badBlocks, badCount } },
      );
    case 'BACKY_DIFF_DAMAGED':
      return backyError(code, { path, offset, detail }, more);
    case 'BACKY_PROGRAM_FAILED':
    case 'BACKY_SNAPSHOT_REPLACED':
    case 'BACKY_SEAL_REFUSED':
    case 'BACKY_INDEX_DAMAGED':
    case 'BACKY_REFLINK_UNSUPPORTED':
      return backyError(code, { path, detail }, more);
    case 'BACKY_INVALID_ARGUMENT':
      return backyError(code, { detail }, more);
    default:
      return backyError('BACKY_PANIC', { detail: `${code}: ${detail}` }, more);
  }
}

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
