import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import type { IndexedRecord, RevisionRecord } from '../domain/revision.ts';
import { backyError } from '../errors.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import type { Layout } from './layout.ts';
import type { Checksum } from './record-checksum.ts';
import { readRecordFile } from './record-file.ts';
import { formatRecord, wrongChecksum } from './sealed-record.ts';

/** Sealed files are only read from then on. */
const SEALED_MODE = 0o400;

/**
 * Makes finished partial files a revision. Each step is durable before the next begins, and the record's
 * appearance is the one moment from which the revision exists.
 */
export async function sealRevision(engine: Engine, layout: Layout, record: RevisionRecord): Promise<void> {
  const files = layout.files(record.uuid);
  const text = formatRecord(record);
  await engine.sealFiles([
    { from: files.partialImage, to: files.image },
    { from: files.partialIndex, to: files.index },
  ]);
  await engine.createFile(files.record, text, SEALED_MODE);
}

/**
 * Replaces the record of a sealed revision; image and index stay as they are. If something has changed the record behind
 * our back, it keeps the checksum that shows it: only `acceptRecord` covers that up.
 */
export async function rewriteRecord(engine: Engine, layout: Layout, record: RevisionRecord): Promise<void> {
  const path = layout.files(record.uuid).record;
  await engine.replaceFile(path, formatRecord(record, foreignChecksum(path)), SEALED_MODE);
}

/** The same for a record that a person has had in hand: it has a checksum of its own from now on. */
export async function acceptRecord(engine: Engine, layout: Layout, record: RevisionRecord): Promise<void> {
  await engine.replaceFile(layout.files(record.uuid).record, formatRecord(record), SEALED_MODE);
}

/** The checksum of a record that is not as backy wrote it. @throws BACKY_IO, BACKY_RECORD_DAMAGED */
export function foreignChecksum(path: string): Checksum | undefined {
  try {
    return wrongChecksum(readRecordFile(path));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw fromNodeError(cause);
    throw backyError('BACKY_RECORD_DAMAGED', { path, problem: cause.message }, { cause });
  }
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
