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

/** Size limit in bytes of the small files of a repository, such as the configuration and records. */
export const LARGEST_FILE_BYTES: number = 1 << 20;

/** Options for reading a small file. */
export interface ReadOptions {
  /** Whether `path` may be a symbolic link; false by default. */
  readonly followsLinks?: boolean;
  /** Receives the facts about the opened file, and throws if it must not be used. */
  readonly check?: (stats: Stats) => void;
}

/**
 * Reads a plain file of at most 1 MiB. Reading a pipe could block the process despite signals, and reading a huge file
 * would exhaust the memory.
 *
 * @throws SyntaxError for any other file; the errors of Node; the errors of `check`
 */
export function readPlainFile(path: string, { followsLinks = false, check }: ReadOptions = {}): Buffer {
  // A link may lead to a device, and opening some devices has effects.
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
 * Appends a text with one write, so that texts of several processes do not mix. Creates a missing file with access for its
 * owner only. Refuses a file with a second name, because the text would also appear under that name.
 *
 * @throws SyntaxError if it is not a plain file or has a second name; the errors of Node
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

/** Creates a file for the owner of its directory only. @throws the errors of Node, such as EEXIST */
export function createPlainFile(path: string, text: string): void {
  const file = create(path, O_WRONLY | O_NOFOLLOW);
  try {
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
}

/** Refuses a file with a second name, which may be the image of a revision. @throws SyntaxError */
export function requireOneName({ nlink }: Pick<Stats, 'nlink'>): void {
  if (nlink > 1) throw new SyntaxError(`it has ${nlink} names (hard links)`);
}

function requirePlain(stats: Stats): void {
  if (!stats.isFile()) throw new SyntaxError('it is not a plain file');
}

/** Reads up to `size` bytes, even if the file grows meanwhile. */
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
 * Creates a file. As root, gives it to the owner of its directory. It does so only for a file that it creates, because an
 * existing one may be a second name of any other file.
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

/** Gives a file to the owner and the group of a directory, if the filesystem allows it. */
function giveToOwnerOf(directory: string, file: number): void {
  const { uid, gid } = statSync(directory);
  if (uid === 0 && gid === 0) return;
  try {
    fchownSync(file, uid, gid);
  } catch (error) {
    if (!isNodeError(error, 'EPERM', 'EINVAL', 'ENOTSUP', 'ENOSYS')) throw error;
  }
}
