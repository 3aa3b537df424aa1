import { withRemovalLock } from '../../repository/lock.ts';
import { readUnrecorded, type Unrecorded } from '../../repository/unrecorded.ts';
import type { Context } from '../context.ts';
import { requireTrust } from '../trust.ts';
import { type PurgedFiles, purgeAll, warnOfUnrecorded } from './purge-all.ts';

/** Settings of a purge. */
export interface PurgeOptions {
  /** Only say what would be done. */
  readonly dryRun?: boolean | undefined;
}

/** The result of a purge, done or planned, and the files that it leaves alone. */
export interface PurgeResult extends PurgedFiles, Unrecorded {
  readonly dryRun: boolean;
}

/**
 * Removes what interrupted runs provably left behind, and empties the trash. Revisions are never touched, nor are images
 * that have lost their records, nor anything else that backy did not demonstrably make. A dry run is for when
 * nobody else works, too: what others are writing looks like leftovers.
 *
 * @throws BACKY_UNTRUSTED, BACKY_LOCKED while a backup, restore or verification runs, BACKY_IO
 */
export async function purge(context: Context, { dryRun = false }: PurgeOptions = {}): Promise<PurgeResult> {
  requireTrust(context);
  const purging = dryRun ? onlyLooking(context) : context;
  const engine = await purging.engine();
  return withRemovalLock(engine, context.layout, async () => {
    const result = await purgeAll(purging, engine, () => true);
    const left = await readUnrecorded(context.layout);
    warnOfUnrecorded(context, left.unrecorded);
    return { ...result, ...left, dryRun };
  });
}

/** The same work, with nothing coming of it: so what it says would be done is what would be done. */
function onlyLooking(context: Context): Context {
  const nothing = async (): Promise<void> => {};
  return {
    ...context,
    log: () => {},
    engine: async () => ({
      ...(await context.engine()),
      moveFiles: nothing,
      removeFiles: nothing,
      removeDirectory: nothing,
      replaceLinks: nothing,
    }),
  };
}
