import { withRemovalLock } from '../../repository/lock.ts';
import { readUnrecorded, type Unrecorded } from '../../repository/unrecorded.ts';
import { type Context, type EngineContext, withEngine } from '../context.ts';
import { requireTrust } from '../trust.ts';
import { type PurgedFiles, purgeAll, warnOfUnrecorded } from './purge-all.ts';

/** Settings of a purge. */
export interface PurgeOptions {
  /** Report the changes without making them. */
  readonly dryRun?: boolean | undefined;
}

/** The result of a purge, done or planned, and the files that it does not touch. */
export interface PurgeResult extends PurgedFiles, Unrecorded {
  readonly dryRun: boolean;
}

/**
 * Removes proven leftovers of interrupted runs, and empties the trash. Never touches revisions, images without a
 * record, or other files that backy did not demonstrably make. A dry run needs the same locks, because files that
 * others are writing look like leftovers.
 *
 * @throws BACKY_UNTRUSTED, BACKY_LOCKED while a backup, restore or verification runs, BACKY_IO
 */
export async function purge(context: Context, { dryRun = false }: PurgeOptions = {}): Promise<PurgeResult> {
  requireTrust(context);
  const loaded = await withEngine(context);
  const purging = dryRun ? withoutEffects(loaded) : loaded;
  return withRemovalLock(loaded.engine, context.layout, async () => {
    const result = await purgeAll(purging, () => true);
    const left = await readUnrecorded(context.layout);
    warnOfUnrecorded(context, left.unrecorded);
    return { ...result, ...left, dryRun };
  });
}

/** Returns a context whose engine changes nothing, so a dry run uses the same code. */
function withoutEffects(context: EngineContext): EngineContext {
  const nothing = async (): Promise<void> => {};
  return {
    ...context,
    log: () => {},
    engine: {
      ...context.engine,
      moveFiles: nothing,
      removeFiles: nothing,
      removeDirectory: nothing,
      replaceLinks: nothing,
    },
  };
}
