import { join } from 'node:path';
import type { DamagedRevision, RevisionRecord, UnreadableRevision } from '../domain/revision.ts';
import type { BackyError } from '../errors.ts';
import type { Engine } from '../native/engine.ts';
import { type Layout, layoutOf } from './layout.ts';
import { readRevisions } from './read-revisions.ts';
import { SEALED_MODE } from './seal-revision.ts';
import { formatRecord } from './sealed-record.ts';
import { isStuck, moveFiles } from './stuck.ts';
import { type Batch, batchesOf, batchName, dataMoves, recordMoves, removeIfEmpty } from './trash-batches.ts';

/** Revisions that were removed together and can still be brought back. */
export interface TrashBatch extends Batch {
  /** Oldest first. */
  readonly revisions: readonly RevisionRecord[];
  readonly damaged: readonly DamagedRevision[];
  readonly unreadable: readonly UnreadableRevision[];
}

/**
 * Moves revisions into the trash without copying. The move of the record removes a revision from the list, then
 * index and image follow. `finishTrashMoves` completes an interrupted call.
 *
 * @returns for each revision that stays complete because a file cannot be moved, its id and the error
 * @throws BACKY_IO
 */
export async function moveToTrash(
  engine: Engine,
  layout: Layout,
  ids: readonly string[],
  now: Date,
): Promise<ReadonlyMap<string, BackyError>> {
  const batch = layoutOf(join(layout.trash, batchName(now)));
  await engine.makeDirectory(layout.trash);
  await engine.makeDirectory(batch.directory);
  try {
    await moveRevisions(engine, layout, batch, ids);
    return new Map();
  } catch (error) {
    if (!isStuck(error)) throw error;
    return await moveOneByOne(engine, layout, batch, ids);
  }
}

/**
 * Moves an image without a record into the trash, together with a record for its return. The record is written first,
 * because it marks the image as belonging to the trash.
 *
 * @throws BACKY_INVALID_ARGUMENT, BACKY_IO
 */
export async function moveImageToTrash(
  engine: Engine,
  layout: Layout,
  record: RevisionRecord,
  now: Date,
): Promise<void> {
  const batch = layoutOf(join(layout.trash, batchName(now)));
  await engine.makeDirectory(layout.trash);
  await engine.makeDirectory(batch.directory);
  await engine.createFile(batch.files(record.uuid).record, formatRecord(record), SEALED_MODE);
  await moveFiles(engine, dataMoves(layout, batch, [record.uuid]));
}

/** Moves revisions back. Records come last, so that only complete revisions are listed. @throws BACKY_IO */
export async function moveFromTrash(
  engine: Engine,
  layout: Layout,
  batch: Batch,
  ids: readonly string[],
): Promise<void> {
  await moveFiles(engine, dataMoves(batch.layout, layout, ids));
  await moveFiles(engine, recordMoves(batch.layout, layout, ids));
  await removeIfEmpty(engine, batch.layout.directory);
}

/** Reads the trash, oldest batch first. @throws BACKY_IO */
export async function readTrash(layout: Layout): Promise<readonly TrashBatch[]> {
  const batches: TrashBatch[] = [];
  for (const batch of await batchesOf(layout)) {
    const { revisions, damaged, unreadable, unrecorded } = await readRevisions(batch.layout);
    const bare = unrecorded.map(({ uuid }) => ({ uuid, reason: 'its record is missing' }));
    batches.push({ ...batch, revisions, damaged: [...damaged, ...bare], unreadable });
  }
  return batches;
}

async function moveRevisions(
  engine: Engine,
  layout: Layout,
  batch: Layout,
  ids: readonly string[],
): Promise<void> {
  await moveFiles(engine, recordMoves(layout, batch, ids));
  await moveFiles(engine, dataMoves(layout, batch, ids));
}

/** Moves revisions one by one, skips files that are gone already, and undoes an incomplete move. */
async function moveOneByOne(
  engine: Engine,
  layout: Layout,
  batch: Layout,
  ids: readonly string[],
): Promise<ReadonlyMap<string, BackyError>> {
  const stuck = new Map<string, BackyError>();
  for (const id of ids) {
    try {
      await moveRevisions(engine, layout, batch, [id]);
    } catch (error) {
      if (!isStuck(error)) throw error;
      stuck.set(id, error);
      await moveFiles(engine, dataMoves(batch, layout, [id]));
      await moveFiles(engine, recordMoves(batch, layout, [id]));
    }
  }
  await removeIfEmpty(engine, batch.directory);
  return stuck;
}
