import type { LeftSnapshot, LeftSnapshots } from '../../domain/left-snapshot.ts';
import { formatLogicalVolume } from '../../domain/logical-volume.ts';
import { formatRbdImage } from '../../domain/rbd-image.ts';
import { isBackyError } from '../../errors.ts';
import { withWriterLock } from '../../repository/lock.ts';
import { countRecords } from '../../repository/read-revisions.ts';
import { openSource, retireLeftSnapshots } from '../../sources/open-source.ts';
import { type Context, type EngineContext, withEngine } from '../context.ts';
import { loadTrustedConfig, openTrustedSnapshotList, requireTrust } from '../trust.ts';

/** Settings of a retirement. */
export interface RetireOptions {
  /** Report the changes without making them. */
  readonly dryRun?: boolean | undefined;
}

/** The result of a retirement, done or planned. */
export interface RetireResult {
  /** Names of the removed snapshots. */
  readonly removed: readonly string[];
  /** Number of remaining revisions, which are plain images. */
  readonly revisions: number;
  readonly dryRun: boolean;
}

/**
 * Gives up a repository: removes all its snapshots from its sources, including those of earlier configurations. Changes
 * nothing in the repository. Needs neither the source nor a valid configuration. A later backup still works and reads
 * everything.
 *
 * @throws BACKY_UNTRUSTED, BACKY_LOCKED, BACKY_CLUSTER_UNREACHABLE, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED, BACKY_IO for a snapshot that
 *   cannot be removed, after all others are gone
 */
export async function retire(
  context: Context,
  { dryRun = false }: RetireOptions = {},
): Promise<RetireResult> {
  requireTrust(context);
  const { layout, log } = context;
  const loaded = await withEngine(context);
  const revisions = await countRecords(layout.directory);
  if (dryRun) {
    const left = await openTrustedSnapshotList(loaded);
    return { removed: left.all().map(nameOf), revisions, dryRun };
  }
  return withWriterLock(loaded.engine, layout, async () => {
    const removed = await removeAll(loaded, await openTrustedSnapshotList(loaded));
    for (const name of removed) log('info', `removed the snapshot ${name}`);
    return { removed, revisions, dryRun };
  });
}

/** Removes all snapshots. Also searches the configured source for snapshots that earlier versions did not note. */
async function removeAll(context: EngineContext, left: LeftSnapshots): Promise<readonly string[]> {
  const { layout, engine } = context;
  try {
    const { source } = await loadTrustedConfig(context);
    return await openSource(source, layout.directory, engine, left).retireSnapshots(undefined);
  } catch (error) {
    if (!isBackyError(error, 'BACKY_CONFIG_INVALID', 'BACKY_SOURCE_TYPE_UNKNOWN')) throw error;
    return retireLeftSnapshots(layout.directory, engine, left);
  }
}

function nameOf(snapshot: LeftSnapshot): string {
  switch (snapshot.type) {
    case 'file':
      return snapshot.path;
    case 'lvm':
      return `${formatLogicalVolume(snapshot)}.backy-${snapshot.uuid}`;
    case 'ceph-rbd': {
      const { pool, namespace, image, uuid } = snapshot;
      return `${formatRbdImage({ pool, image, ...(namespace === undefined ? {} : { namespace }) })}@backy-${uuid}`;
    }
  }
}
