import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** A record is about 1 KiB, one of March 2014 lists the hashes of its image; anything larger is not one. */
export const LARGEST_RECORD_BYTES: number = 1 << 20;

/**
 * The bytes of a record file, which must be a plain file: a symbolic link is not followed, a pipe not waited for.
 * Synchronously: that is ten times as fast for many small files.
 *
 * @throws SyntaxError for what is no record, and the errors of Node
 */
export function readRecordFile(path: string): Buffer {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new SyntaxError('it is not a plain file');
    if (stats.size > LARGEST_RECORD_BYTES) throw new SyntaxError('it is too large');
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}
