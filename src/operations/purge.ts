import { removeLeftovers } from '../repository/leftovers.ts';
import { lockForRemoving } from '../repository/lock.ts';
import type { Context } from './context.ts';

/** What purging did. */
export interface PurgeResult {
  /** Names of the files that were removed. */
  readonly removed: readonly string[];
}

/**
 * Removes what interrupted runs left behind, and nothing else.
 *
 * @throws BACKY_LOCKED while a backup, restore or verification runs, BACKY_IO
 */
export async function purge({ layout, log, engine: load }: Context): Promise<PurgeResult> {
  const engine = await load();
  const lock = lockForRemoving(engine, layout);
  try {
    const removed = await removeLeftovers(engine, layout);
    for (const name of removed) log('info', `removed the leftover ${name}`);
    return { removed };
  } finally {
    lock.release();
  }
}
