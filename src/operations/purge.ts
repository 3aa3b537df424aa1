import { lockForRemoving } from '../repository/lock.ts';
import { type CleanUpResult, cleanUp } from './clean-up.ts';
import type { Context } from './context.ts';

/** What purging did. */
export type PurgeResult = CleanUpResult;

/**
 * Removes what interrupted runs left behind, and empties the trash. Revisions are never touched.
 *
 * @throws BACKY_LOCKED while a backup, restore or verification runs, BACKY_IO
 */
export async function purge(context: Context): Promise<PurgeResult> {
  const engine = await context.engine();
  const lock = lockForRemoving(engine, context.layout);
  try {
    return await cleanUp(context, engine, () => true);
  } finally {
    lock.release();
  }
}
