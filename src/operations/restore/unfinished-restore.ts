import { quoted } from '../../domain/shell-word.ts';
import { isNodeError } from '../../io-error.ts';
import { type RestoreMark, readRestoreMarks } from '../../repository/restore-marks.ts';
import type { PlainContext } from '../context.ts';

/** A restore that has started and is not complete. */
export interface UnfinishedRestore {
  /** An absolute path, or `rbd:POOL/IMAGE`. */
  readonly target: string;
  /** The id of the revision. */
  readonly revision: string;
  /** ISO 8601, UTC. Absent if unknown, as for a restore from another repository. */
  readonly startedAt?: string;
  /** The running process of the restore; absent if none runs. */
  readonly pid?: number;
  /** The command that finishes it. */
  readonly command: string;
}

/** Lists the unfinished restores from a repository, oldest first. @throws BACKY_IO */
export function unfinishedRestores({ layout }: Pick<PlainContext, 'layout'>): readonly UnfinishedRestore[] {
  return readRestoreMarks(layout).marks.map((mark) => describeUnfinished(layout.directory, mark));
}

/** Describes an unfinished restore in one sentence, with the command that finishes it. */
export function unfinishedText({ target, revision, startedAt, pid, command }: UnfinishedRestore): string {
  const begun = startedAt === undefined ? '' : `, begun ${startedAt},`;
  const what = `the restore of ${revision} to ${target}${begun}`;
  return pid === undefined
    ? `${what} is not complete: finish it with "${command}"`
    : `${what} runs (process ${pid})`;
}

/** Builds the command that restores a revision. */
export function restoreCommand(
  repository: string,
  revision: string,
  target: string,
  flags: readonly string[] = [],
): string {
  return ['backy', '-b', repository, 'restore', ...flags, '-r', revision, target].map(quoted).join(' ');
}

/** Describes a mark. @param directory of its repository */
export function describeUnfinished(
  directory: string,
  { target, revision, startedAt, pid }: RestoreMark,
): UnfinishedRestore {
  const command = restoreCommand(directory, revision, target);
  return { target, revision, startedAt, ...(isAlive(pid) ? { pid } : {}), command };
}

/** Whether a process runs on this machine. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isNodeError(error, 'EPERM');
  }
}
