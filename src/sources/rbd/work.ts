import type { CephRbdSourceConfig } from '../../config/config.ts';
import { formatRbdImage } from '../../domain/rbd-image.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import { type BackyError, backyError, isBackyError } from '../../errors.ts';
import type { Snapshot, Source } from '../source.ts';
import { type RbdCluster, rbdCluster } from './cluster.ts';
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
    describe: async () => ({ name, kind: 'rbd image', size: await cluster.size() }),
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
  const snapshots = await cluster.snapshots();
  const snapshot = snapshotName(uuid);
  const size = snapshots.find((candidate) => candidate.name === snapshot)?.size;
  if (size === undefined) throw backyError('BACKY_SOURCE_MISSING', { path: `${name}@${snapshot}` });
  const base = baseOf(
    config,
    snapshots.map((candidate) => candidate.name),
    parent,
  );
  const { since } = base;
  const changes =
    since === undefined ? undefined : { since, command: cluster.exportCommand(snapshot, since) };
  return {
    name,
    size,
    consistency: 'crash',
    input: {
      name: `${name}@${snapshot}`,
      snapshot,
      size,
      command: cluster.exportCommand(snapshot),
      changes,
      sample: cluster.sampleCommand(snapshot),
    },
    method: changes ? 'rbd-diff' : 'full',
    ...(base.fallback === undefined ? {} : { fallback: base.fallback }),
    ...(config.sampleRuns === undefined ? {} : { sampleRuns: config.sampleRuns }),
  };
}

interface Base {
  /** The snapshot to start from. */
  readonly since?: string;
  /** Why there is none, where there could be one. */
  readonly fallback?: string;
}

function baseOf(
  { fullAlways }: CephRbdSourceConfig,
  names: readonly string[],
  parent: RevisionRecord | undefined,
): Base {
  if (!parent) return {};
  if (fullAlways) return { fallback: 'the configuration says full-always' };
  const since = snapshotName(parent.uuid);
  return names.includes(since) ? { since } : { fallback: `the snapshot ${since} of the parent is gone` };
}
