import { backyError } from '../errors.ts';

/** Node puts this character in place of bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd';
/** A larger number is a typing error. By default the engine uses at most 8 threads. */
const MOST_THREADS = 1024;

/**
 * Refuses names that are not valid UTF-8, because backy would read or write a file of another name. Refuses settings
 * that would be ignored.
 *
 * @param directory the working directory; undefined if it no longer exists
 * @throws BACKY_USAGE
 */
export function checkInvocation(
  args: readonly string[],
  directory: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): void {
  for (const arg of args) checkName('argument', arg);
  checkName('working directory', directory ?? '');
  checkThreads(environment.BACKY_THREADS ?? '');
}

function checkName(what: string, name: string): void {
  if (!name.includes(REPLACEMENT)) return;
  throw backyError('BACKY_USAGE', {
    problem: `The ${what} "${name}" is not UTF-8, which is all that backy can take`,
    advice: 'Give files and directories names in UTF-8 (convmv), without the character U+FFFD',
  });
}

/** An empty value means that the variable is not set. */
function checkThreads(text: string): void {
  const isCount = /^[1-9]\d{0,3}$/.test(text) && Number(text) <= MOST_THREADS;
  if (text === '' || isCount) return;
  throw backyError('BACKY_USAGE', {
    problem: `BACKY_THREADS is "${text}", which is not a number of threads`,
    advice: `Set it to a whole number from 1 to ${MOST_THREADS}, or not at all`,
  });
}
