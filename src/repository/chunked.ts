import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isNodeError } from '../io-error.ts';
import type { Layout } from './layout.ts';

/** Whether the Python backy keeps chunks in a directory: then its revisions are no images. */
export function hasChunks({ directory }: Layout): boolean {
  return existsSync(join(directory, 'chunks/store'));
}

/**
 * Whether a configuration may say that there will be chunks. Only a look, for most commands get by without reading
 * the configuration.
 */
export function mentionsChunks({ config }: Layout): boolean {
  try {
    return /\bbackend["']?\s*:\s*["']?chunked\b/.test(readFileSync(config, 'utf8'));
  } catch (error) {
    if (isNodeError(error)) return false;
    throw error;
  }
}
