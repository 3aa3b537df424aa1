import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Layout } from './layout.ts';

/** Whether the Python backy keeps chunks in a directory: then its revisions are no images. */
export function hasChunks({ directory }: Layout): boolean {
  return existsSync(join(directory, 'chunks/store'));
}
