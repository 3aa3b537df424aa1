import { renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isNodeError } from '../io-error.ts';
import { createPlainFile } from '../plain-file.ts';
import { temporaryName } from './layout.ts';

/** How often another process may take the temporary file for one that a crash left. */
const ATTEMPTS = 3;

let count = 0;

/**
 * Replaces a small file at once: a reader finds the old one or the new one. What had the name before is left as it is,
 * whatever other names it has. After a power cut either may be lost. Needs no engine.
 *
 * @throws the errors of Node
 */
export function replaceSmallFile(path: string, text: string): void {
  for (let attempt = 1; ; attempt += 1) {
    count += 1;
    const temporary = join(dirname(path), temporaryName(count, Date.now()));
    try {
      createPlainFile(temporary, text);
      renameSync(temporary, path);
      return;
    } catch (error) {
      rmSync(temporary, { force: true });
      if (!isNodeError(error, 'ENOENT') || attempt === ATTEMPTS) throw error;
    }
  }
}
