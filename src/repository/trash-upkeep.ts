import { lstatSync } from 'node:fs';
import { isRevisionId } from '../domain/revision-id.ts';
import { fromNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { findInUse } from './in-use.ts';
import { INDEX_SUFFIX, type Layout, RECORD_SUFFIX, UNFINISHED_SUFFIX } from './layout.ts';
import { unseal } from './seal-revision.ts';
import { isStuck, moveFiles, type OnStuck } from './stuck.ts';
import { type Batch, batchesOf, dataMoves, listDirectory, removeIfEmpty } from './trash-batches.ts';

/**
 * Finishes moves that were interrupted: whatever has its record in the trash alone belongs there, and what is in the
 * repository again has no record in the trash.
 *
 * @param onStuck is told of the revisions whose files cannot be moved
 */
export async function finishTrashMoves(
  engine: Engine,
  layout: Layout,
  onStuck: OnStuck = () => {},
): Promise<void> {
  for (const { layout: batch } of await batchesOf(layout)) {
    const records = (await listDirectory(batch.directory)).filter((name) => name.endsWith(RECORD_SUFFIX));
    for (const id of records.map(idOf).filter(isRevisionId)) {
      // It was brought back, by us or by hand: what is listed stays.
      if (isThere(layout.files(id).record)) {
        await goingOn(onStuck, id, () => removeSecondName(engine, batch, id));
        continue;
      }
      const data = dataMoves(layout, batch, [id]).filter(({ from }) => isThere(from));
      const moves = data.filter(({ to }) => !isThere(to));
      // A power cut can leave a file under both names. A copy that somebody made is another file.
      const secondNames = data.filter(({ from, to }) => isSameFile(from, to)).map(({ from }) => from);
      await goingOn(onStuck, id, async () => {
        if (moves.length > 0) await moveFiles(engine, moves);
        if (secondNames.length > 0) await engine.removeFiles(secondNames);
      });
    }
  }
}

/**
 * Removes batches for good. Of each revision the record becomes an unfinished one first, then index and image go, and it
 * goes last: so an image in the trash that has lost its record some other way is data, and stays. Files that are none of
 * ours stay, too, and so does their directory.
 *
 * @param onStuck is told of the revisions that cannot be removed or are in use, which stay
 * @returns the ids of the revisions that are gone
 */
export async function purgeTrash(
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
  const names = await listDirectory(batch.directory);
  const meant = names.filter((name) => name.endsWith(RECORD_SUFFIX) || name.endsWith(UNFINISHED_SUFFIX));
  const ids = [...new Set(meant.map(idOf))].filter(isRevisionId);
  const inUse = await findInUse(engine, batch, ids);
  for (const [id, error] of inUse) onStuck(id, error);
  for (const id of ids.filter((each) => !inUse.has(each))) {
    const { unfinished, index, image } = batch.files(id);
    await goingOn(onStuck, id, async () => {
      await unseal(engine, batch, id);
      await engine.removeFiles([index, image, unfinished]);
      gone.push(id);
    });
  }
  await removeIfEmpty(engine, batch.directory);
  return gone;
}

/** A power cut while a revision comes back can leave its record under both names. The one without data goes. */
async function removeSecondName(engine: Engine, batch: Layout, id: string): Promise<void> {
  const { record, index, image } = batch.files(id);
  if (isThere(index) || isThere(image)) return;
  await engine.removeFiles([record]);
  await removeIfEmpty(engine, batch.directory);
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
  const suffix = [UNFINISHED_SUFFIX, RECORD_SUFFIX, INDEX_SUFFIX].find((each) => name.endsWith(each)) ?? '';
  return name.slice(0, name.length - suffix.length);
}

function isSameFile(one: string, other: string): boolean {
  const [left, right] = [one, other].map((path) => lstatSync(path, { throwIfNoEntry: false, bigint: true }));
  return left !== undefined && left.dev === right?.dev && left.ino === right.ino;
}

/** A link counts, wherever it leads. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw fromNodeError(error);
  }
}
