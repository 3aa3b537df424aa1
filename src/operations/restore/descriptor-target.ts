import { writeSync } from 'node:fs';
import { isBackyError } from '../../errors.ts';
import { ioError, isNodeError } from '../../io-error.ts';
import type { RestoreTarget } from './restore-target.ts';

/** The descriptor that `-` stands for. */
export const STANDARD_OUTPUT = 1;

/** Checks that a descriptor is writable, by writing zero bytes. @throws BACKY_IO */
export function checkDescriptor(fd: number): void {
  try {
    writeSync(fd, '');
  } catch (error) {
    if (!isNodeError(error)) throw error;
    throw ioError({ path: nameOf(fd), syscall: 'write', errnoName: error.code }, error);
  }
}

/**
 * Runs `work` and puts the name of the descriptor into its errors. The engine calls every descriptor standard output.
 */
export async function namingDescriptor<Result>(
  target: RestoreTarget,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const isOther = typeof target !== 'string' && isBackyError(error, 'BACKY_IO');
    if (!isOther || error.details.path !== nameOf(STANDARD_OUTPUT)) throw error;
    const { syscall, errno } = error.details;
    const failure = { path: nameOf(target.fd), syscall: String(syscall), errnoName: String(errno) };
    throw ioError(failure, error);
  }
}

function nameOf(fd: number): string {
  return fd === STANDARD_OUTPUT ? 'standard output' : `descriptor ${fd}`;
}
