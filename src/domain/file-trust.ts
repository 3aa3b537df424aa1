/** What stat(2) says of a file: whose it is, and who may do what with it. */
export interface FileRights {
  readonly uid: number;
  readonly mode: number;
}

const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
const ROOT = 0;

/**
 * Why somebody else may have put something into a file or directory; undefined: nobody can, but this user and root. The
 * sticky bit of a directory changes nothing: it keeps others from removing files, and not from adding them.
 *
 * @param user the effective user id of this process
 */
export function whoElseWrites({ uid, mode }: FileRights, user: number): string | undefined {
  if (uid !== user && uid !== ROOT) return `it belongs to user ${uid}`;
  if ((mode & OTHERS_WRITE) !== 0) return 'every user may write to it';
  return (mode & GROUP_WRITES) !== 0 ? 'its group may write to it' : undefined;
}
