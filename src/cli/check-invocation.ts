import { backyError } from '../errors.ts';

/** What Node puts in the place of bytes that are no UTF-8. */
const REPLACEMENT = '\ufffd';
/** More than this is a slip of the hand; the engine takes 8 at most by itself. */
const MOST_THREADS = 1024;

/**
 * Refuses to begin with names that are not what was typed, as something else would be written then, or be looked for,
 * and with settings that would be ignored.
 *
 * @param directory the working directory; undefined where there is none
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

/** Empty is not set. */
function checkThreads(text: string): void {
  const isCount = /^[1-9]\d{0,3}$/.test(text) && Number(text) <= MOST_THREADS;
  if (text === '' || isCount) return;
  throw backyError('BACKY_USAGE', {
    problem: `BACKY_THREADS is "${text}", which is no number of threads`,
    advice: `Set it to a whole number from 1 to ${MOST_THREADS}, or not at all`,
  });
}
