import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  openSync,
  readSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { isNodeError } from './io-error.ts';

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const PRIVATE_FILE = 0o600;

/** The most that is read of a small file of a repository: its configuration, a record, a cache, a note. Bytes. */
export const LARGEST_FILE_BYTES: number = 1 << 20;

/** How a small file is read. */
export interface ReadOptions {
  /** Whether `path` may be a symbolic link; false by default. */
  readonly followsLinks?: boolean;
  /** Sees the facts about the very file that is read, and throws if it must not be used. */
  readonly check?: (stats: Stats) => void;
}

/**
 * The bytes of a small file, which must be a plain one of at most 1 MiB. Nothing else is opened for longer than a look: a
 * pipe would make the process wait, beyond any signal, and a file of terabytes would take all memory.
 *
 * @throws SyntaxError for anything but a small plain file, the errors of Node, and what `check` throws
 */
export function readPlainFile(path: string, { followsLinks = false, check }: ReadOptions = {}): Buffer {
  // To open some devices is to start something, and a link may lead to one.
  if (followsLinks) requirePlain(statSync(path));
  const file = openSync(path, O_RDONLY | O_NONBLOCK | (followsLinks ? 0 : O_NOFOLLOW));
  try {
    const stats = fstatSync(file);
    requirePlain(stats);
    if (stats.size > LARGEST_FILE_BYTES) throw new SyntaxError('it is larger than 1 MiB');
    check?.(stats);
    return readAll(file, stats.size);
  } finally {
    closeSync(file);
  }
}

/**
 * Appends a text with one write, so that what processes write at the same time does not mix. A missing file is created,
 * for its owner alone. One that has a second name is left as it is: the text would end up in whatever else it is.
 *
 * @throws SyntaxError when it is no plain file or has another name, the errors of Node
 */
export function appendToPlainFile(path: string, text: string): void {
  const file = openOrCreate(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stats = fstatSync(file);
    requirePlain(stats);
    requireOneName(stats);
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
}

/** Creates a file with a text, for the owner of its directory alone. @throws the errors of Node: EEXIST if there is one */
export function createPlainFile(path: string, text: string): void {
  const file = create(path, O_WRONLY | O_NOFOLLOW);
  try {
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
}

/** Refuses to change a file that has another name: it may be the image of a revision. @throws SyntaxError */
export function requireOneName({ nlink }: Pick<Stats, 'nlink'>): void {
  if (nlink > 1) throw new SyntaxError(`it has ${nlink} names (hard links)`);
}

function requirePlain(stats: Stats): void {
  if (!stats.isFile()) throw new SyntaxError('it is not a plain file');
}

/** A file that grows meanwhile is read up to where it ended. */
function readAll(file: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let length = 0;
  while (length < size) {
    const count = readSync(file, bytes, length, size - length, null);
    if (count === 0) break;
    length += count;
  }
  return bytes.subarray(0, length);
}

function openOrCreate(path: string, flags: number): number {
  for (;;) {
    try {
      return openSync(path, flags);
    } catch (error) {
      if (!isNodeError(error, 'ENOENT')) throw error;
    }
    try {
      return create(path, flags);
    } catch (error) {
      // Another process was faster.
      if (!isNodeError(error, 'EEXIST')) throw error;
    }
  }
}

/**
 * Creates a file. As root, gives it to the owner of its directory: only one that this call creates, because one that is
 * there already may be a second name of any other file.
 */
function create(path: string, flags: number): number {
  const file = openSync(path, flags | O_CREAT | O_EXCL, PRIVATE_FILE);
  try {
    if (process.geteuid?.() === 0) giveToOwnerOf(dirname(path), file);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** Gives a file to the owner and the group of a directory. A filesystem that does not allow it is no failure. */
function giveToOwnerOf(directory: string, file: number): void {
  const { uid, gid } = statSync(directory);
  if (uid === 0 && gid === 0) return;
  try {
    fchownSync(file, uid, gid);
  } catch (error) {
    if (!isNodeError(error, 'EPERM', 'EINVAL', 'ENOTSUP', 'ENOSYS')) throw error;
  }
}
