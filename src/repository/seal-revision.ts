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

/** Permissions of sealed files: nobody writes to them any more. */
export const SEALED_MODE = 0o400;

/**
 * Turns complete partial files into a revision. Each step is durable before the next one begins. The record is
 * written under its unfinished name before image and index are renamed. Its own rename is the commit point: the
 * revision appears, and the evidence that it is unfinished disappears.
 *
 * @throws BACKY_INVALID_ARGUMENT, BACKY_IO
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
 * Replaces the record of a sealed revision. If the old record does not match its checksum, the new one keeps that wrong
 * checksum, so that the alteration stays visible until `acceptRecord` is called.
 *
 * @throws BACKY_RECORD_DAMAGED, BACKY_INVALID_ARGUMENT, BACKY_IO
 */
export async function rewriteRecord(engine: Engine, layout: Layout, record: RevisionRecord): Promise<void> {
  const path = layout.files(record.uuid).record;
  await engine.replaceFile(path, formatRecord(record, foreignChecksum(path)), SEALED_MODE);
}

/** Replaces a record on a person's behalf and gives it a valid checksum. @throws BACKY_INVALID_ARGUMENT, BACKY_IO */
export async function acceptRecord(engine: Engine, layout: Layout, record: RevisionRecord): Promise<void> {
  await engine.replaceFile(layout.files(record.uuid).record, formatRecord(record), SEALED_MODE);
}

/** Returns the checksum of a record file if it does not match. @throws BACKY_IO, BACKY_RECORD_DAMAGED */
export function foreignChecksum(path: string): Checksum | undefined {
  try {
    return wrongChecksum(readPlainFile(path));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw fromNodeError(cause);
    throw backyError('BACKY_RECORD_DAMAGED', { path, problem: cause.message }, { cause });
  }
}

/**
 * Seals the new index of a revision that had none and records it, so that the image can be verified. The unfinished
 * record is removed last.
 *
 * @throws BACKY_FILE_UNFIT, BACKY_RECORD_DAMAGED, BACKY_INVALID_ARGUMENT, BACKY_IO
 */
export async function sealIndex(engine: Engine, layout: Layout, record: IndexedRecord): Promise<void> {
  const { image, index, partialIndex, unfinished } = layout.files(record.uuid);
  await makePrivate(image);
  await engine.sealFiles([{ from: partialIndex, to: index }]);
  await rewriteRecord(engine, layout, record);
  await engine.removeFiles([unfinished]);
}

/**
 * Makes an image read-only and private to its owner. Images of the Python backy are readable by a group, and a copied
 * image is usually writable.
 *
 * @throws BACKY_FILE_UNFIT for a file with several hard links, because another program may use it; BACKY_IO
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
 * Discards the files of a failed backup. If the record is already in place, the revision is complete and stays.
 *
 * @throws BACKY_IO
 */
export async function discardRevision(engine: Engine, layout: Layout, id: string): Promise<void> {
  const { record, image, index, partialImage, partialIndex, unfinished } = layout.files(id);
  if (await exists(record)) return;
  await engine.removeFiles([partialImage, partialIndex, index, image, unfinished]);
}

/**
 * Reverts the commit of a revision: its record gets the unfinished name, which marks the other files as leftovers.
 * If the disk has no space for that name, the record is removed. A person must then remove any files that remain.
 *
 * @throws BACKY_IO
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
