import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fromNodeError, ifPresent, isIoError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { type Layout, layoutOf } from './layout.ts';
import type { Move } from './stuck.ts';

/** A directory in the trash with everything that one removal moved there. */
export interface Batch {
  readonly removedAt: Date;
  /** The batch has the layout of a repository. */
  readonly layout: Layout;
}

const BATCH = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z$/;

/** Formats a time as the name of a batch, so that names sort by age. */
export function batchName(time: Date): string {
  return time.toISOString().replace(/[-:.]/g, '');
}

/** Lists the batches in the trash, oldest first. Symbolic links are ignored. @throws BACKY_IO */
export async function batchesOf({ trash }: Layout): Promise<readonly Batch[]> {
  const batches: Batch[] = [];
  for (const name of (await listDirectory(trash)).sort()) {
    const removedAt = new Date(name.replace(BATCH, '$1-$2-$3T$4:$5:$6.$7Z'));
    if (!BATCH.test(name) || Number.isNaN(removedAt.getTime())) continue;
    const layout = layoutOf(join(trash, name));
    if (await isDirectory(layout.directory)) batches.push({ removedAt, layout });
  }
  return batches;
}

/** Returns the moves of the records of revisions. */
export function recordMoves(from: Layout, to: Layout, ids: readonly string[]): readonly Move[] {
  return ids.map((id) => ({ from: from.files(id).record, to: to.files(id).record }));
}

/** Returns the moves of the indexes and images of revisions. */
export function dataMoves(from: Layout, to: Layout, ids: readonly string[]): readonly Move[] {
  return ids.flatMap((id) => {
    const [before, after] = [from.files(id), to.files(id)];
    return [
      { from: before.index, to: after.index },
      { from: before.image, to: after.image },
    ];
  });
}

/** Removes a directory if it is empty. @throws BACKY_IO */
export async function removeIfEmpty(engine: Engine, directory: string): Promise<void> {
  try {
    await engine.removeDirectory(directory);
  } catch (error) {
    if (!isIoError(error, 'ENOTEMPTY')) throw error;
  }
}

/** Lists the names in a directory; empty when the directory does not exist. @throws BACKY_IO */
export async function listDirectory(directory: string): Promise<string[]> {
  try {
    return (await isDirectory(directory)) ? await readdir(directory) : [];
  } catch (error) {
    throw fromNodeError(error);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await ifPresent(() => lstat(path)))?.isDirectory() ?? false;
}
