import { closeSync, constants, fstatSync, openSync } from 'node:fs';

const PRIVATE_FILE = 0o600;

/**
 * Runs `work` with a file that must be a plain one. Nothing else is waited for: a pipe would have the process wait,
 * beyond any signal, until somebody opens its other end.
 *
 * @param flags as for open(2); what they create is for its owner alone
 * @throws SyntaxError when it is no plain file, the errors of Node, and what `work` throws
 */
export function withPlainFile<Result>(path: string, flags: number, work: (file: number) => Result): Result {
  const file = openSync(path, flags | constants.O_NONBLOCK, PRIVATE_FILE);
  try {
    if (!fstatSync(file).isFile()) throw new SyntaxError('it is not a plain file');
    return work(file);
  } finally {
    closeSync(file);
  }
}
