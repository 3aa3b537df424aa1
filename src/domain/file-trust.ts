/** Owner and permissions of a file, from stat(2). */
export interface FileRights {
  readonly uid: number;
  readonly mode: number;
}

const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
const ROOT = 0;

/**
 * Names another user or group that can write to a file or directory; undefined if only this user and root can. The
 * sticky bit of a directory makes no difference: it keeps others from removing files, but not from adding them.
 *
 * @param user the effective user id of this process
 */
export function whoElseWrites({ uid, mode }: FileRights, user: number): string | undefined {
  if (uid !== user && uid !== ROOT) return `it belongs to user ${uid}`;
  if ((mode & OTHERS_WRITE) !== 0) return 'every user may write to it';
  return (mode & GROUP_WRITES) !== 0 ? 'its group may write to it' : undefined;
}
