import { BackyError, isBackyError } from '../../errors.ts';
import type { BegunRestore } from './begin-restore.ts';

/** The remedy for each error number, to be applied before another restore. */
const CURES: ReadonlyMap<unknown, string> = new Map([
  ['ENOSPC', 'Free some space there'],
  ['EDQUOT', 'Free some space there or raise the quota'],
  ['EFBIG', 'Raise the limit (ulimit -f) or restore to a filesystem that takes larger files'],
  ['EIO', 'Check the storage of the target (kernel log, SMART)'],
  ['EROFS', 'Make the filesystem of the target writable'],
]);

/**
 * Adds the state of the target and the command that finishes the restore to a failure. A failure before the first write
 * stays as it is.
 *
 * @param target as people know it
 * @param command what restores it
 */
export function restoreFailure(
  failure: unknown,
  { kind }: BegunRestore,
  target: string,
  command: string,
): unknown {
  if (!isBackyError(failure)) return failure;
  const state = stateAfter(failure, kind, target);
  if (state === undefined) return failure;
  const isCancelled = failure.code === 'BACKY_CANCELLED';
  const message = isCancelled ? `The restore was cancelled: ${state}` : `${failure.message}; ${state}`;
  const again = kind === 'stream' ? 'run it again' : `finish it with "${command}"`;
  const cure = CURES.get(failure.details.errno) ?? failure.remedy;
  const remedy = isCancelled ? capitalised(again) : `${cure}, then ${again}`;
  const details = { ...failure.details, target, targetComplete: false, command };
  return new BackyError(failure.code, { message, remedy }, details, failure.cause);
}

/** Whether a failed restore may have written to its target. */
export function hasBegun({ code, details }: BackyError): boolean {
  return details.begun === true || code === 'BACKY_PANIC';
}

function stateAfter(failure: BackyError, kind: BegunRestore['kind'], target: string): string | undefined {
  const isCancelled = failure.code === 'BACKY_CANCELLED';
  if (kind === 'new') {
    const isAbout = isCancelled || failure.details.path === target || failure.code === 'BACKY_READ_BACK';
    return isAbout ? `nothing of ${target} is left` : undefined;
  }
  if (!hasBegun(failure)) return isCancelled ? `${target} is as it was` : undefined;
  return `${target} is not complete`;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
