import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import type { IndexedRecord, RevisionRecord } from '../domain/revision.ts';
import { backyError } from '../errors.ts';
import { fromNodeError, ifPresent, isIoError, unfitFile } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { readPlainFile, requireOneName } from '../plain-file.ts';
import type { Layout } from './layout.ts';
import type { Checksum } from './record-checksum.ts';
import { formatRecord, wrongChecksum } from './sealed-record.ts';
import { moveFiles } from './stuck.ts';

/** Sealed files are only read from then on. */
export const SEALED_MODE = 0o400;

/**
 * Makes finished partial files a revision. Each step is durable before the next begins. The record is complete under its
 * unfinished name before the image gets its own; the rename that finishes it is the one moment from which the revision
 * exists, and with it goes the proof that it did not.
 */
export async function sealRevision(engine: Engine, layout: Layout, record: RevisionRecord): Promise<void> {
  const files = layout.files(record.uuid);
  await engine.replaceFile(files.unfinished, formatRecord(record), SEALED_MODE);
  await engine.sealFiles([
    { from: files.partialImage, to: files.image },
    { from: files.partialIndex, to: files.index },
  ]);
  await engine.sealFiles([{ from: files.unfinished, to: files.record }]);
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
    return wrongChecksum(readPlainFile(path));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw fromNodeError(cause);
    throw backyError('BACKY_RECORD_DAMAGED', { path, problem: cause.message }, { cause });
  }
}

/**
 * Seals the finished index of a revision that had none, and writes it down: from then on its image can be checked. The
 * unfinished record goes last.
 */
export async function sealIndex(engine: Engine, layout: Layout, record: IndexedRecord): Promise<void> {
  const { image, index, partialIndex, unfinished } = layout.files(record.uuid);
  await makePrivate(image);
  await engine.sealFiles([{ from: partialIndex, to: index }]);
  await rewriteRecord(engine, layout, record);
  await engine.removeFiles([unfinished]);
}

/**
 * Lets only the owner read an image. The Python backy let a group read its images, and whoever copies one back makes it
 * writable.
 *
 * @throws BACKY_FILE_UNFIT for a file that has another name: that may belong to something else
 */
export async function makePrivate(image: string): Promise<void> {
  try {
    const file = await open(image, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      if ((stats.mode & 0o7777) === SEALED_MODE) return;
      requireOneName(stats);
      await file.chmod(SEALED_MODE);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw error instanceof SyntaxError ? unfitFile(image, error) : fromNodeError(error);
  }
}

/**
 * Removes what a failed backup has written. If the last step failed with the record already in place, the
 * revision is complete and stays.
 */
export async function discardRevision(engine: Engine, layout: Layout, id: string): Promise<void> {
  const { record, image, index, partialImage, partialIndex, unfinished } = layout.files(id);
  if (await exists(record)) return;
  await engine.removeFiles([partialImage, partialIndex, index, image, unfinished]);
}

/**
 * Takes a revision back: its record becomes an unfinished one, which proves that the rest may go. On a disk without space
 * for that name the record goes at once, and the rest, if it stays then, is for a person to remove.
 */
export async function unseal(engine: Engine, layout: Layout, id: string): Promise<void> {
  const { record, unfinished } = layout.files(id);
  try {
    await moveFiles(engine, [{ from: record, to: unfinished }]);
  } catch (error) {
    if (!isIoError(error, 'ENOSPC', 'EDQUOT')) throw error;
    await engine.removeFiles([record]);
  }
}

async function exists(path: string): Promise<boolean> {
  return (await ifPresent(() => lstat(path))) !== undefined;
}
