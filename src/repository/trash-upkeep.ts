import { lstatSync } from 'node:fs';
import { isRevisionId } from '../domain/revision-id.ts';
import { fromNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { findInUse } from './in-use.ts';
import { INDEX_SUFFIX, type Layout, RECORD_SUFFIX } from './layout.ts';
import { isStuck, moveFiles, type OnStuck } from './stuck.ts';
import { type Batch, batchesOf, dataMoves, listDirectory, removeIfEmpty } from './trash-batches.ts';

/**
 * Finishes moves that were interrupted: whatever has its record in the trash alone belongs there. Must come before
 * leftovers are looked for, as an image without a record beside it would be taken for one.
 *
 * @param onStuck is told of the revisions whose files cannot be moved: they are no leftovers either
 */
export async function settleTrash(
  engine: Engine,
  layout: Layout,
  onStuck: OnStuck = () => {},
): Promise<void> {
  for (const { layout: batch } of await batchesOf(layout)) {
    const records = (await listDirectory(batch.directory)).filter((name) => name.endsWith(RECORD_SUFFIX));
    for (const id of records.map(idOf).filter(isRevisionId)) {
      // Somebody copied it back by hand: what is listed stays.
      if (isThere(layout.files(id).record)) continue;
      // What the trash has already is no more than a copy.
      const moves = dataMoves(layout, batch, [id]).filter(({ from, to }) => isThere(from) && !isThere(to));
      await goingOn(onStuck, id, async () => {
        if (moves.length > 0) await moveFiles(engine, moves);
      });
    }
  }
}

/**
 * Removes batches for good: of each revision the record first, then index and image. Files that are none of ours
 * stay, and so does their directory.
 *
 * @param onStuck is told of the revisions that cannot be removed or are in use, which stay
 * @returns the ids of the revisions that are gone
 */
export async function emptyTrash(
  engine: Engine,
  layout: Layout,
  isDue: (removedAt: Date) => boolean = () => true,
  onStuck: OnStuck = () => {},
): Promise<readonly string[]> {
  const gone: string[] = [];
  for (const batch of await batchesOf(layout)) {
    if (isDue(batch.removedAt)) gone.push(...(await removeBatch(engine, batch, onStuck)));
  }
  return gone;
}

async function removeBatch(
  engine: Engine,
  { layout: batch }: Batch,
  onStuck: OnStuck,
): Promise<readonly string[]> {
  const gone: string[] = [];
  const ids = [...new Set((await listDirectory(batch.directory)).map(idOf))].filter(isRevisionId);
  const inUse = await findInUse(engine, batch, ids);
  for (const [id, error] of inUse) onStuck(id, error);
  for (const id of ids.filter((each) => !inUse.has(each))) {
    const { record, index, image } = batch.files(id);
    await goingOn(onStuck, id, async () => {
      await engine.removeFiles([record, index, image]);
      gone.push(id);
    });
  }
  await removeIfEmpty(engine, batch.directory);
  return gone;
}

async function goingOn(onStuck: OnStuck, id: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isStuck(error)) throw error;
    onStuck(id, error);
  }
}

function idOf(name: string): string {
  const suffix = [RECORD_SUFFIX, INDEX_SUFFIX].find((each) => name.endsWith(each)) ?? '';
  return name.slice(0, name.length - suffix.length);
}

/** A link counts, wherever it leads. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw fromNodeError(error);
  }
}
