import type { SourceConfig } from '../config/config.ts';
import { loadConfig } from '../config/load-config.ts';
import type { RevisionRecord } from '../domain/revision.ts';
import { dueTags } from '../domain/schedule.ts';
import { checkTags } from '../domain/tags.ts';
import type { Engine, OperationOptions } from '../native/engine.ts';
import { removeLeftovers } from '../repository/leftovers.ts';
import { lockForKeeping, lockForWriting, tryLockForRemoving } from '../repository/lock.ts';
import { readRevisions } from '../repository/read-revisions.ts';
import { openSource } from '../sources/open-source.ts';
import type { Context } from './context.ts';
import { takeRevision } from './take-revision.ts';

/** What to back up for. */
export interface BackupOptions extends OperationOptions {
  /** Tags of the new revision; absent: those that are due. */
  readonly tags?: readonly string[] | undefined;
  /** Take tags that the schedule does not have, and read a device that is mounted. */
  readonly force?: boolean | undefined;
}

/** A backup that was made. */
export interface BackupResult {
  readonly record: RevisionRecord;
}

/**
 * Takes a new revision of the source. It is complete, durable and listed when this returns; after any failure
 * nothing of it is left, and the next run removes what a crash leaves.
 *
 * @returns undefined when no tag is due
 * @throws BACKY_LOCKED when another backup runs, BACKY_CONFIG_INVALID, BACKY_TAG_INVALID, BACKY_TAG_UNKNOWN,
 *   BACKY_SOURCE_MISSING, BACKY_SOURCE_UNREADABLE, BACKY_SOURCE_KIND, BACKY_SOURCE_MOUNTED,
 *   BACKY_SOURCE_RESIZED, BACKY_SOURCE_SHORT, BACKY_SOURCE_UNFIT, BACKY_SNAPSHOT_FAILED, BACKY_SNAPSHOT_LOST,
 *   BACKY_TOOL_MISSING, BACKY_TOOL_FAILED,
 *   BACKY_REFLINK_UNSUPPORTED, BACKY_READ_BACK, BACKY_IO, BACKY_CANCELLED
 */
export async function backup(
  context: Context,
  options: BackupOptions = {},
): Promise<BackupResult | undefined> {
  const { layout, clock } = context;
  const config = await loadConfig(layout.config);
  const wanted = options.tags && checkTags(options.tags, options.force ? undefined : config.schedule);
  const engine = await context.engine();
  const writing = lockForWriting(engine, layout);
  try {
    await purgeUnlessNeeded(context, engine);
    const keeping = await lockForKeeping(engine, layout);
    try {
      const startedAt = clock();
      const { revisions } = await readRevisions(layout);
      const tags = wanted ?? dueTags(config.schedule, revisions, startedAt);
      if (tags.length === 0) return undefined;
      const source = openSource(withForce(config.source, options.force), layout.directory, engine);
      const { requireReflink } = config;
      const record = await takeRevision(
        context,
        engine,
        { source, revisions, tags, startedAt, requireReflink },
        options,
      );
      return { record };
    } finally {
      keeping.release();
    }
  } finally {
    writing.release();
  }
}

function withForce(source: SourceConfig, force = false): SourceConfig {
  return force && source.type === 'file' ? { ...source, allowMounted: true } : source;
}

/** Who restores or verifies right now needs no leftovers, but holds the lock all the same: another run will purge. */
async function purgeUnlessNeeded({ layout, log }: Context, engine: Engine): Promise<void> {
  const lock = tryLockForRemoving(engine, layout);
  if (!lock) return;
  try {
    for (const name of await removeLeftovers(engine, layout)) log('info', `removed the leftover ${name}`);
  } finally {
    lock.release();
  }
}
