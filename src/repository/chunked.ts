import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Layout } from './layout.ts';

/** Returns whether the repository holds chunks of the Python backy. Its revisions are not images then. */
export function hasChunks({ directory }: Layout): boolean {
  return existsSync(join(directory, 'chunks/store'));
}
