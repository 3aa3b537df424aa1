import { constants, fstatSync, readFileSync } from 'node:fs';
import { withPlainFile } from '../plain-file.ts';

/** A record is about 1 KiB, one of March 2014 lists the hashes of its image; anything larger is not one. */
export const LARGEST_RECORD_BYTES: number = 1 << 20;

/**
 * The bytes of a record file, which must be a plain file: a symbolic link is not followed, a pipe not waited for.
 * Synchronously: that is ten times as fast for many small files.
 *
 * @throws SyntaxError for what is no record, and the errors of Node
 */
export function readRecordFile(path: string): Buffer {
  return withPlainFile(path, constants.O_RDONLY | constants.O_NOFOLLOW, (file) => {
    if (fstatSync(file).size > LARGEST_RECORD_BYTES) throw new SyntaxError('it is too large');
    return readFileSync(file);
  });
}
