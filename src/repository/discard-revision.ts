import { lstat } from 'node:fs/promises';
import { isNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import type { Layout } from './layout.ts';

/**
 * Removes what a failed backup has written. If the last step failed with the record already in place, the
 * revision is complete and stays.
 */
export async function discardRevision(engine: Engine, layout: Layout, id: string): Promise<void> {
  const { record, image, index, partialImage, partialIndex } = layout.files(id);
  if (await exists(record)) return;
  await engine.removeFiles([partialImage, partialIndex, index, image]);
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isNodeError(error, 'ENOENT')) return false;
    throw error;
  }
}
