import type { BackyError } from '../errors.ts';
import { ioError, isIoError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';

/** A file and the path it gets. */
export interface Move {
  readonly from: string;
  readonly to: string;
}

/** Is told of something that stays where it is, and why. What goes on with the others calls it. */
export type OnStuck = (name: string, error: BackyError) => void;

const PECULIAR = ['EPERM', 'EACCES', 'EISDIR', 'ENOTDIR', 'EEXIST', 'EBUSY', 'ETXTBSY'];

/**
 * Whether a removal or a rename failed for what one file is: immutable, a directory, one whose name is taken. Others may
 * go well. That the disk is full or fails is nothing of the kind.
 */
export function isStuck(error: unknown): error is BackyError {
  return isIoError(error, ...PECULIAR) && ['rename', 'unlink'].includes(String(error.details.syscall));
}

/** As the engine does it, but the error names the file that stays, unless it is the new name that is in the way. */
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
