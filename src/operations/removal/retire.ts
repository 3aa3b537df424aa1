import type { LeftSnapshot, LeftSnapshots } from '../../domain/left-snapshot.ts';
import { formatLogicalVolume } from '../../domain/logical-volume.ts';
import { formatRbdImage } from '../../domain/rbd-image.ts';
import { isBackyError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';
import { withWriterLock } from '../../repository/lock.ts';
import { countRecords } from '../../repository/read-revisions.ts';
import { openSource, retireLeftSnapshots } from '../../sources/open-source.ts';
import type { Context } from '../context.ts';
import { loadTrustedConfig, openTrustedSnapshotList, requireTrust } from '../trust.ts';

/** Settings of a retirement. */
export interface RetireOptions {
  /** Only say what would be done. */
  readonly dryRun?: boolean | undefined;
}

/** The result of a retirement, done or planned. */
export interface RetireResult {
  /** Names of the snapshots that were removed from sources. */
  readonly removed: readonly string[];
  /** Number of revisions that stay, as plain images. */
  readonly revisions: number;
  readonly dryRun: boolean;
}

/**
 * Gives a repository up: removes every snapshot that it has left at its sources, now or under an earlier configuration.
 * Nothing in the repository is removed. Neither its source nor a valid configuration is needed. A later backup is taken
 * as ever, and reads everything.
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
  const engine = await context.engine();
  const revisions = await countRecords(layout.directory);
  if (dryRun) {
    const left = await openTrustedSnapshotList(context, engine);
    return { removed: left.all().map(nameOf), revisions, dryRun };
  }
  return withWriterLock(engine, layout, async () => {
    const removed = await removeAll(context, engine, await openTrustedSnapshotList(context, engine));
    for (const name of removed) log('info', `removed the snapshot ${name}`);
    return { removed, revisions, dryRun };
  });
}

/** The configured source is asked, too, for what earlier versions left there without a note. */
async function removeAll(context: Context, engine: Engine, left: LeftSnapshots): Promise<readonly string[]> {
  const { layout } = context;
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
