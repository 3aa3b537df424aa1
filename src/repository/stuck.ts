import type { BackyError } from '../errors.ts';
import { ioError, isIoError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';

/** A file and its new path. */
export interface Move {
  readonly from: string;
  readonly to: string;
}

/**
 * Gets the name of a file or revision that cannot be moved or removed, and the reason. The caller goes on with the
 * rest.
 */
export type OnStuck = (name: string, error: BackyError) => void;

/** Errors that concern one file and not the whole filesystem. */
const OF_ONE_FILE = ['EPERM', 'EACCES', 'EISDIR', 'ENOTDIR', 'EEXIST', 'EBUSY', 'ETXTBSY'];

/**
 * Returns whether a removal or a rename failed for a reason of that one file, for example because it is immutable
 * or its new name is taken. Other files may still succeed, unlike on a full or failing disk.
 */
export function isStuck(error: unknown): error is BackyError {
  return isIoError(error, ...OF_ONE_FILE) && ['rename', 'unlink'].includes(String(error.details.syscall));
}

/** Moves files. An error names the file that stays or, if the new name is taken, that name. @throws BACKY_IO */
export async function moveFiles(engine: Engine, moves: readonly Move[]): Promise<void> {
  try {
    await engine.moveFiles(moves);
  } catch (error) {
    if (!isStuck(error) || error.details.errno === 'EEXIST') throw error;
    const { path, errno } = error.details;
    const move = moves.find(({ to }) => to === path);
    throw move ? ioError({ path: move.from, syscall: 'rename', errnoName: String(errno) }, error) : error;
  }
}
