import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import type { IndexedRecord, RevisionRecord } from '../domain/revision.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import type { Layout } from './layout.ts';
import { formatRecord } from './record.ts';

/** Sealed files are only read from then on. */
const SEALED_MODE = 0o400;

/**
 * Makes finished partial files a revision. Each step is durable before the next begins, and the record's
 * appearance is the one moment from which the revision exists.
 */
export async function sealRevision(engine: Engine, layout: Layout, record: RevisionRecord): Promise<void> {
  const files = layout.files(record.uuid);
  await engine.sealFiles([
    { from: files.partialImage, to: files.image },
    { from: files.partialIndex, to: files.index },
  ]);
  await engine.createFile(files.record, formatRecord(record), SEALED_MODE);
}

/** Replaces the record of a sealed revision; image and index stay as they are. */
export async function rewriteRecord(engine: Engine, layout: Layout, record: RevisionRecord): Promise<void> {
  await engine.replaceFile(layout.files(record.uuid).record, formatRecord(record), SEALED_MODE);
}

/** Seals the finished index of a revision that had none, and writes it down: from then on its image can be checked. */
export async function sealIndex(engine: Engine, layout: Layout, record: IndexedRecord): Promise<void> {
  const { image, index, partialIndex } = layout.files(record.uuid);
  await makePrivate(image);
  await engine.sealFiles([{ from: partialIndex, to: index }]);
  await rewriteRecord(engine, layout, record);
}

/** The Python backy let a group read its images. */
async function makePrivate(image: string): Promise<void> {
  try {
    const file = await open(image, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      await file.chmod(SEALED_MODE);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fromNodeError(error);
  }
}

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
