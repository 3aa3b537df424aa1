import { removeLeftovers } from '../repository/leftovers.ts';
import { lockForRemoving } from '../repository/lock.ts';
import { emptyTrash, settleTrash } from '../repository/trash.ts';
import type { Context } from './context.ts';

/** What purging did. */
export interface PurgeResult {
  /** Names of the files that interrupted runs had left behind. */
  readonly removed: readonly string[];
  /** Ids of the revisions that were in the trash. */
  readonly emptied: readonly string[];
}

/**
 * Removes what interrupted runs left behind, and empties the trash. Revisions are never touched.
 *
 * @throws BACKY_LOCKED while a backup, restore or verification runs, BACKY_IO
 */
export async function purge({ layout, log, engine: load }: Context): Promise<PurgeResult> {
  const engine = await load();
  const lock = lockForRemoving(engine, layout);
  try {
    await settleTrash(engine, layout);
    const removed = await removeLeftovers(engine, layout);
    for (const name of removed) log('info', `removed the leftover ${name}`);
    const emptied = await emptyTrash(engine, layout);
    for (const uuid of emptied) log('info', `${uuid} is gone from the trash`);
    return { removed, emptied };
  } finally {
    lock.release();
  }
}
