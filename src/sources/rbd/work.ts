import type { CephRbdSourceConfig } from '../../config/config.ts';
import { formatRbdImage } from '../../domain/rbd-image.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import { type BackyError, backyError, isBackyError } from '../../errors.ts';
import type { Snapshot, Source } from '../source.ts';
import { baseOf } from './base.ts';
import { type RbdCluster, type RbdImageFacts, type RbdSnapshot, rbdCluster } from './cluster.ts';
import { markKey, repositoryMark, snapshotName } from './own-snapshot.ts';
import { tidySnapshots } from './tidy-snapshots.ts';

/** What is done with an image, once it is needed. */
export type RbdWork = Pick<Source, 'describe' | 'snapshot' | 'tidy'>;

/** Remembers what became of the image, so that a cluster that does not answer is waited for only once. */
export function openRbd(config: CephRbdSourceConfig, directory: string): RbdWork {
  const name = formatRbdImage(config);
  const cluster = rbdCluster(config);
  let wasTaken = false;
  /** Why there is no image; found out first when tidying up, and said when it is missed. */
  let lost: BackyError | undefined;
  return {
    describe: async () => ({ name, kind: 'rbd image', size: (await cluster.facts()).size }),
    snapshot: async ({ uuid, parent }) => {
      if (lost) throw lost;
      // First the mark, then the snapshot: what a kill leaves behind in between is removed by the next run.
      await cluster.setMetadata(markKey(uuid), await repositoryMark(directory));
      await createSnapshot(cluster, name, uuid);
      wasTaken = true;
      return describeSnapshot(config, cluster, uuid, parent);
    },
    tidy: async (keep) => {
      if (lost) return [];
      try {
        const removed = await tidySnapshots(cluster, await repositoryMark(directory), keep);
        return removed.map((snapshot) => `${name}@${snapshot}`);
      } catch (error) {
        if (!isBackyError(error, 'BACKY_CLUSTER_UNREACHABLE', 'BACKY_SOURCE_MISSING')) throw error;
        lost = error;
        if (wasTaken) throw error;
        return [];
      }
    },
  };
}

async function createSnapshot(cluster: RbdCluster, source: string, uuid: string): Promise<void> {
  try {
    await cluster.createSnapshot(snapshotName(uuid));
  } catch (error) {
    throw isBackyError(error, 'BACKY_TOOL_FAILED') ? snapshotFailed(source, error) : error;
  }
}

function snapshotFailed(source: string, error: BackyError): BackyError {
  const reason = String(error.details.reason);
  const advice = 'Check the rights of the user with "ceph auth get"; "profile rbd" is enough';
  return backyError('BACKY_SNAPSHOT_FAILED', { source, reason, advice }, { cause: error });
}

async function describeSnapshot(
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
    input: {
      name: `${name}@${snapshot.name}`,
      snapshot: snapshot.name,
      size: snapshot.size,
      command: cluster.exportCommand(snapshot.name),
      changes,
      sample: cluster.sampleCommand(snapshot.name),
    },
    method: changes ? 'rbd-diff' : 'full',
    ...(fallback === undefined ? {} : { fallback }),
    ...(config.sampleRuns === undefined ? {} : { sampleRuns: config.sampleRuns }),
    check: () => checkSnapshots(name, cluster, image, since ? [snapshot, since] : [snapshot]),
  };
}

/** What was read by name was read from these very snapshots, if they are still there under their names. */
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
