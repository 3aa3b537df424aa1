import { quoted } from '../../domain/shell-word.ts';
import { isNodeError } from '../../io-error.ts';
import { type RestoreMark, readRestoreMarks } from '../../repository/restore-marks.ts';
import type { Context } from '../context.ts';

/** A restore that has begun and is not complete. */
export interface UnfinishedRestore {
  /** As a restore names it: an absolute path, or `rbd:POOL/IMAGE`. */
  readonly target: string;
  /** The id of the revision. */
  readonly revision: string;
  /** ISO 8601, UTC; absent where nothing tells, as of a restore from another repository. */
  readonly startedAt?: string;
  /** The process that is at it; absent when none is. */
  readonly pid?: number;
  /** The command that finishes it. */
  readonly command: string;
}

/** The unfinished restores from a repository, the oldest first. @throws BACKY_IO */
export function unfinishedRestores({ layout }: Pick<Context, 'layout'>): readonly UnfinishedRestore[] {
  return readRestoreMarks(layout).marks.map((mark) => describeUnfinished(layout.directory, mark));
}

/** Says of it what it is, and what finishes it. */
export function unfinishedText({ target, revision, startedAt, pid, command }: UnfinishedRestore): string {
  const begun = startedAt === undefined ? '' : `, begun ${startedAt},`;
  const what = `the restore of ${revision} to ${target}${begun}`;
  return pid === undefined
    ? `${what} is not complete: finish it with "${command}"`
    : `${what} runs (process ${pid})`;
}

/** The command that restores a revision. */
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
