import { renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isNodeError } from '../io-error.ts';
import { createPlainFile } from '../plain-file.ts';
import { temporaryName } from './layout.ts';

/** A purge may mistake the temporary file for a leftover this many times. */
const ATTEMPTS = 3;

let count = 0;

/**
 * Replaces a small file atomically, but not durably: a power cut may lose both versions. Other hard links to the
 * old file keep it. The engine is not needed.
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
