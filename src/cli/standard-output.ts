import { fstatSync, readFileSync, statSync } from 'node:fs';
import { ioError, isNodeError } from '../io-error.ts';

const STANDARD_OUTPUT = 1;
const READ_AND_WRITE = 2;

/**
 * Refuses to write an image to a closed standard output. Node replaces a closed stream by the null device, open for
 * reading and writing. A shell that redirects output there opens it for writing only.
 *
 * @throws BACKY_IO
 */
export function refuseClosedOutput(): void {
  if (isNullDevice() && accessMode() === READ_AND_WRITE)
    throw ioError({ path: 'standard output', syscall: 'write', errnoName: 'EBADF' });
}

function isNullDevice(): boolean {
  const output = fstatSync(STANDARD_OUTPUT);
  return output.isCharacterDevice() && output.rdev === statSync('/dev/null').rdev;
}

/** The access mode of standard output; undefined on systems other than Linux, which do not tell. */
function accessMode(): number | undefined {
  try {
    const [, flags] =
      /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${STANDARD_OUTPUT}`, 'utf8')) ?? [];
    return flags === undefined ? undefined : Number.parseInt(flags, 8) & 3;
  } catch (error) {
    if (isNodeError(error)) return undefined;
    throw error;
  }
}
