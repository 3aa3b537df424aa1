import { closeSync, constants, fchownSync, fstatSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isNodeError } from './io-error.ts';

const PRIVATE_FILE = 0o600;

/**
 * Runs `work` with a file that must be a plain one. Nothing else is waited for: a pipe would have the process wait,
 * beyond any signal, until somebody opens its other end.
 *
 * @param flags as for open(2); what they create is for its owner alone, who is the owner of the directory
 * @throws SyntaxError when it is no plain file, the errors of Node, and what `work` throws
 */
export function withPlainFile<Result>(path: string, flags: number, work: (file: number) => Result): Result {
  const file = open(path, flags | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) throw new SyntaxError('it is not a plain file');
    return work(file);
  } finally {
    closeSync(file);
  }
}

function open(path: string, flags: number): number {
  const isOurs = (flags & constants.O_CREAT) === 0 || process.geteuid?.() !== 0;
  return isOurs ? openSync(path, flags, PRIVATE_FILE) : openAsRoot(path, flags);
}

/**
 * Opens a file as root. Only a file that this call creates goes to the owner of its directory: one that is there already
 * may be a second name of any other file.
 */
function openAsRoot(path: string, flags: number): number {
  for (;;) {
    try {
      return openSync(path, flags & ~constants.O_CREAT);
    } catch (error) {
      if (!isNodeError(error, 'ENOENT')) throw error;
    }
    try {
      const file = openSync(path, flags | constants.O_EXCL, PRIVATE_FILE);
      giveToOwnerOf(dirname(path), file);
      return file;
    } catch (error) {
      // Another process was faster.
      if (!isNodeError(error, 'EEXIST')) throw error;
    }
  }
}

/** As root, gives a file to the owner and the group of a directory. What stands in the way of that is no failure. */
function giveToOwnerOf(directory: string, file: number): void {
  const { uid, gid } = statSync(directory);
  if (uid === 0 && gid === 0) return;
  try {
    fchownSync(file, uid, gid);
  } catch (error) {
    if (!isNodeError(error, 'EPERM', 'EINVAL', 'ENOTSUP', 'ENOSYS')) throw error;
  }
}
