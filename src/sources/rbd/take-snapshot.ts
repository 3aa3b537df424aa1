import type { CephRbdSourceConfig } from '../../config/config.ts';
import { formatRbdImage } from '../../domain/rbd-image.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import { type BackyError, backyError, isBackyError } from '../../errors.ts';
import type { CommandInput, Snapshot } from '../source.ts';
import { baseOf } from './base.ts';
import type { RbdCluster } from './cluster.ts';
import type { RbdImageFacts, RbdSnapshot } from './image-report.ts';
import { markKey, snapshotName } from './own-snapshot.ts';
import { notPrimary, rightsOf } from './rights.ts';

/**
 * Takes the snapshot of a revision. The mark is set first, so that the next run retires a snapshot that a killed
 * run has left. If the snapshot fails, the mark is removed.
 *
 * @param mark mark of the repository
 * @throws BACKY_SNAPSHOT_FAILED, BACKY_SOURCE_MISSING, BACKY_CLUSTER_UNREACHABLE, BACKY_TOOL_MISSING
 */
export async function createSnapshot(
  config: CephRbdSourceConfig,
  cluster: RbdCluster,
  uuid: string,
  mark: string,
): Promise<void> {
  try {
    await cluster.setMetadata(markKey(uuid), mark);
    await cluster.createSnapshot(snapshotName(uuid));
  } catch (error) {
    if (!isBackyError(error, 'BACKY_TOOL_FAILED')) throw error;
    // The first failure is reported. The next backup removes the mark.
    await cluster.removeMetadata(markKey(uuid)).catch(() => {});
    throw await snapshotFailed(config, cluster, error);
  }
}

/**
 * Describes the snapshot of a revision, and finds the snapshot of its parent as the base of the changes.
 *
 * @throws BACKY_SOURCE_MISSING, BACKY_CLUSTER_UNREACHABLE, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED
 */
export async function describeSnapshot(
  config: CephRbdSourceConfig,
  cluster: RbdCluster,
  uuid: string,
  parent: RevisionRecord | undefined,
): Promise<Snapshot> {
  const name = formatRbdImage(config);
  const image = await cluster.facts();
  const snapshots = await cluster.snapshots();
  const snapshot = snapshots.find((candidate) => candidate.name === snapshotName(uuid));
  if (!snapshot) throw backyError('BACKY_SOURCE_MISSING', { path: `${name}@${snapshotName(uuid)}` });
  const { since, fallback } = baseOf(config, image, snapshots, parent);
  const changes = since && {
    since: since.name,
    command: cluster.exportCommand(snapshot.name, since.name),
  };
  return {
    name,
    size: snapshot.size,
    consistency: 'crash',
    origin: { imageId: image.id, snapshotId: snapshot.id },
    input: { ...inputOf(name, cluster, snapshot), changes },
    method: changes ? 'rbd-diff' : 'full',
    ...(fallback === undefined ? {} : { fallback }),
    ...(config.sampleRuns === undefined ? {} : { sampleRuns: config.sampleRuns }),
    check: () => checkSnapshots(name, cluster, image, since ? [snapshot, since] : [snapshot]),
  };
}

/** Returns the commands that read a snapshot. @param image `POOL/IMAGE` */
export function inputOf(image: string, cluster: RbdCluster, { name, size }: RbdSnapshot): CommandInput {
  return {
    name: `${image}@${name}`,
    snapshot: name,
    size,
    command: cluster.exportCommand(name),
    sample: cluster.sampleCommand(name),
  };
}

async function snapshotFailed(
  config: CephRbdSourceConfig,
  cluster: RbdCluster,
  error: BackyError,
): Promise<BackyError> {
  const source = formatRbdImage(config);
  const facts = await cluster.facts().catch(() => undefined);
  const { reason, advice } =
    facts?.isPrimary === false
      ? notPrimary(source)
      : { reason: String(error.details.reason), advice: rightsOf(config) };
  return backyError('BACKY_SNAPSHOT_FAILED', { source, reason, advice }, { cause: error });
}

/**
 * Checks that the snapshots still exist under their names. The commands read by name, so this proves that they have
 * read these very snapshots.
 */
async function checkSnapshots(
  name: string,
  cluster: RbdCluster,
  image: RbdImageFacts,
  snapshots: readonly RbdSnapshot[],
): Promise<void> {
  const isSame = (await cluster.facts()).id === image.id;
  const now = isSame ? await cluster.snapshots() : [];
  for (const { id, name: snapshot } of snapshots) {
    if (now.some((candidate) => candidate.id === id && candidate.name === snapshot)) continue;
    throw backyError('BACKY_SNAPSHOT_LOST', {
      snapshot: `${name}@${snapshot}`,
      reason: 'somebody has removed or renamed it',
      advice: 'Find out who removes snapshots of backy, and back up again',
    });
  }
}
