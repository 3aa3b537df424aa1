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
 * Finishes interrupted moves into and out of the trash. A revision whose only record is in the trash belongs there. A
 * revision that is listed again loses its record in the trash.
 *
 * @param onStuck called for each revision whose files cannot be moved
 * @throws BACKY_IO
 */
export async function finishTrashMoves(
  engine: Engine,
  layout: Layout,
  onStuck: OnStuck = () => {},
): Promise<void> {
  for (const { layout: batch } of await batchesOf(layout)) {
    const records = (await listDirectory(batch.directory)).filter((name) => name.endsWith(RECORD_SUFFIX));
    for (const id of records.map(idOf).filter(isRevisionId)) {
      // The revision was brought back, by backy or by hand, so it stays listed.
      if (exists(layout.files(id).record)) {
        await orReport(onStuck, id, () => removeSecondName(engine, batch, id));
        continue;
      }
      const data = dataMoves(layout, batch, [id]).filter(({ from }) => exists(from));
      const moves = data.filter(({ to }) => !exists(to));
      // A power cut can leave one file under both names. A copy made by a person is a different file.
      const secondNames = data.filter(({ from, to }) => isSameFile(from, to)).map(({ from }) => from);
      await orReport(onStuck, id, async () => {
        if (moves.length > 0) await moveFiles(engine, moves);
        if (secondNames.length > 0) await engine.removeFiles(secondNames);
      });
    }
  }
}

/**
 * Removes batches permanently. Each record first becomes an unfinished one, then index and image are removed, then that
 * record. So an image that lost its record in another way still counts as data and stays. Foreign files stay as well,
 * and so does their directory.
 *
 * @param onStuck called for each revision that stays because it is in use or cannot be removed
 * @returns the ids of the removed revisions
 * @throws BACKY_IO
 */
export async function purgeTrash(
  engine: Engine,
  layout: Layout,
  isDue: (removedAt: Date) => boolean = () => true,
  onStuck: OnStuck = () => {},
): Promise<readonly string[]> {
  const gone: string[] = [];
  for (const batch of await batchesOf(layout)) {
    if (isDue(batch.removedAt)) gone.push(...(await purgeBatch(engine, batch, onStuck)));
  }
  return gone;
}

async function purgeBatch(
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
    await orReport(onStuck, id, async () => {
      await unseal(engine, batch, id);
      await engine.removeFiles([index, image, unfinished]);
      gone.push(id);
    });
  }
  await removeIfEmpty(engine, batch.directory);
  return gone;
}

/** Removes the second name of a record that a power cut during an undelete has left, unless its batch has data. */
async function removeSecondName(engine: Engine, batch: Layout, id: string): Promise<void> {
  const { record, index, image } = batch.files(id);
  if (exists(index) || exists(image)) return;
  await engine.removeFiles([record]);
  await removeIfEmpty(engine, batch.directory);
}

async function orReport(onStuck: OnStuck, id: string, work: () => Promise<void>): Promise<void> {
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

/** Returns whether a path exists. A dangling link counts. */
function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw fromNodeError(error);
  }
}
