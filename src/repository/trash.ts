import { existsSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RevisionRecord } from '../domain/revision.ts';
import { isRevisionId } from '../domain/revision-id.ts';
import { fromNodeError, isIoError, isNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { INDEX_SUFFIX, type Layout, layoutOf, RECORD_SUFFIX } from './layout.ts';
import { readRevisions } from './read-revisions.ts';

/** Revisions that were removed at the same time, and can still be brought back. */
export interface TrashBatch {
  readonly removedAt: Date;
  /** Where they lie, as if it were a repository. */
  readonly layout: Layout;
  /** Oldest first. */
  readonly revisions: readonly RevisionRecord[];
}

/**
 * Moves revisions into the trash: records first, for from then on they are removed; then indexes and images. Nothing
 * is copied. What an interruption leaves half-done, `settleTrash` finishes.
 */
export async function moveToTrash(
  engine: Engine,
  layout: Layout,
  ids: readonly string[],
  now: Date,
): Promise<void> {
  const batch = layoutOf(join(layout.trash, batchName(now)));
  await engine.makeDirectory(layout.trash);
  await engine.makeDirectory(batch.directory);
  await engine.moveFiles(recordMoves(layout, batch, ids));
  await engine.moveFiles(dataMoves(layout, batch, ids));
}

/** Moves revisions back: records last, so that none is listed before it is whole. */
export async function moveFromTrash(
  engine: Engine,
  layout: Layout,
  batch: TrashBatch,
  ids: readonly string[],
): Promise<void> {
  await engine.moveFiles(dataMoves(batch.layout, layout, ids));
  await engine.moveFiles(recordMoves(batch.layout, layout, ids));
  await removeIfEmpty(engine, batch.layout.directory);
}

/** What is in the trash, the oldest batch first. @throws BACKY_IO */
export async function readTrash(layout: Layout): Promise<readonly TrashBatch[]> {
  const batches: TrashBatch[] = [];
  for (const { removedAt, layout: batch } of await batchesOf(layout)) {
    batches.push({ removedAt, layout: batch, revisions: (await readRevisions(batch)).revisions });
  }
  return batches;
}

/**
 * Finishes moves that were interrupted: whatever has its record in the trash belongs there. Must come before
 * leftovers are looked for, as an image without a record beside it would be taken for one.
 */
export async function settleTrash(engine: Engine, layout: Layout): Promise<void> {
  for (const { layout: batch } of await batchesOf(layout)) {
    const records = (await listDirectory(batch.directory)).filter((name) => name.endsWith(RECORD_SUFFIX));
    const moves = dataMoves(layout, batch, records.map(idOf).filter(isRevisionId));
    const unfinished = moves.filter(({ from }) => existsSync(from));
    if (unfinished.length > 0) await engine.moveFiles(unfinished);
  }
}

/**
 * Removes batches for good: of each revision the record first, then index and image. Files that are none of ours
 * stay, and so does their directory.
 *
 * @returns the ids of the revisions that are gone
 */
export async function emptyTrash(
  engine: Engine,
  layout: Layout,
  isDue: (removedAt: Date) => boolean = () => true,
): Promise<readonly string[]> {
  const gone: string[] = [];
  for (const { removedAt, layout: batch } of await batchesOf(layout)) {
    if (!isDue(removedAt)) continue;
    const ids = [...new Set((await listDirectory(batch.directory)).map(idOf))].filter(isRevisionId);
    for (const id of ids) {
      const { record, index, image } = batch.files(id);
      await engine.removeFiles([record, index, image]);
      gone.push(id);
    }
    await removeIfEmpty(engine, batch.directory);
  }
  return gone;
}

interface Batch {
  readonly removedAt: Date;
  readonly layout: Layout;
}

const BATCH = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z$/;

/** A time as the name of a directory: names sort by age. */
function batchName(time: Date): string {
  return time.toISOString().replace(/[-:.]/g, '');
}

/** A link that somebody planted in the place of a batch leads to nothing of ours. */
async function batchesOf({ trash }: Layout): Promise<readonly Batch[]> {
  const batches: Batch[] = [];
  for (const name of (await listDirectory(trash)).sort()) {
    const removedAt = new Date(name.replace(BATCH, '$1-$2-$3T$4:$5:$6.$7Z'));
    if (!BATCH.test(name) || Number.isNaN(removedAt.getTime())) continue;
    const layout = layoutOf(join(trash, name));
    if (await isDirectory(layout.directory)) batches.push({ removedAt, layout });
  }
  return batches;
}

function recordMoves(from: Layout, to: Layout, ids: readonly string[]) {
  return ids.map((id) => ({ from: from.files(id).record, to: to.files(id).record }));
}

function dataMoves(from: Layout, to: Layout, ids: readonly string[]) {
  return ids.flatMap((id) => {
    const [before, after] = [from.files(id), to.files(id)];
    return [
      { from: before.index, to: after.index },
      { from: before.image, to: after.image },
    ];
  });
}

function idOf(name: string): string {
  const suffix = [RECORD_SUFFIX, INDEX_SUFFIX].find((each) => name.endsWith(each)) ?? '';
  return name.slice(0, name.length - suffix.length);
}

async function removeIfEmpty(engine: Engine, directory: string): Promise<void> {
  try {
    await engine.removeDirectory(directory);
  } catch (error) {
    if (!isIoError(error, 'ENOTEMPTY')) throw error;
  }
}

/** Without a trash there is nothing in it. */
async function listDirectory(directory: string): Promise<string[]> {
  try {
    return (await isDirectory(directory)) ? await readdir(directory) : [];
  } catch (error) {
    throw fromNodeError(error);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (isNodeError(error, 'ENOENT')) return false;
    throw error;
  }
}
