import type { CephRbdSourceConfig } from '../../config/config.ts';
import type { LeftRbdSnapshot, LeftSnapshot } from '../../domain/left-snapshot.ts';
import { formatRbdImage } from '../../domain/rbd-image.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import { quoted } from '../../domain/shell-word.ts';
import { type BackyError, backyError, isBackyError } from '../../errors.ts';
import type { LeftSnapshots } from '../left-snapshots.ts';
import type { CommandInput, Snapshot, Source } from '../source.ts';
import { baseOf } from './base.ts';
import { type RbdCluster, type RbdImageFacts, type RbdSnapshot, rbdCluster } from './cluster.ts';
import { markedRevision, markKey, repositoryMark, revisionOf, snapshotName } from './own-snapshot.ts';
import { retireSnapshots } from './retire-snapshots.ts';
import { notPrimary, rightsOf } from './rights.ts';

/** What is done with an image, once it is needed. */
export type RbdWork = Pick<Source, 'describe' | 'snapshot' | 'snapshotsThere' | 'retireSnapshots'> &
  Required<Pick<Source, 'reopen'>>;

/** Remembers what became of the image, so that a cluster that does not answer is waited for only once. */
export function openRbd(config: CephRbdSourceConfig, directory: string, left: LeftSnapshots): RbdWork {
  const name = formatRbdImage(config);
  const cluster = rbdCluster(config);
  let wasTaken = false;
  /** Why there is no image; found out first when tidying up, and said when it is missed. */
  let lost: BackyError | undefined;
  return {
    describe: async () => ({ name, kind: 'rbd image', size: (await cluster.facts()).size }),
    snapshot: async ({ uuid, parent }) => {
      if (lost) throw lost;
      await left.note(placeOf(config, uuid));
      // First the mark, then the snapshot: what a kill leaves behind in between is removed by the next run.
      await createSnapshot(config, cluster, uuid, await repositoryMark(directory));
      wasTaken = true;
      return describeSnapshot(config, cluster, uuid, parent);
    },
    snapshotsThere: async () => {
      const marked = new Set([...(await cluster.metadata()).keys()].map(markedRevision));
      return (await cluster.snapshots()).flatMap((snapshot) => {
        const uuid = revisionOf(snapshot.name);
        // The Python backy marks nothing, and its snapshots have the same names.
        if (uuid === undefined || !marked.has(uuid)) return [];
        return [{ uuid, name: `${name}@${snapshot.name}`, removal: removalOf(config, snapshot.name) }];
      });
    },
    reopen: async (record) => {
      const { since } = baseOf(
        { ...config, fullAlways: false },
        await cluster.facts(),
        await cluster.snapshots(),
        record,
      );
      return since && inputOf(name, cluster, since);
    },
    retireSnapshots: async (keep) => {
      if (lost) return [];
      try {
        const removed = await retireSnapshots(cluster, await repositoryMark(directory), keep, left, (uuid) =>
          // An earlier version took it, or the image had another name then.
          left.amend(placeOf(config, uuid)),
        );
        dropOthers(config, keep, left);
        return removed.map((snapshot) => `${name}@${snapshot}`);
      } catch (error) {
        if (!isBackyError(error, 'BACKY_CLUSTER_UNREACHABLE', 'BACKY_SOURCE_MISSING')) throw error;
        lost = error;
        // An image that has snapshots cannot be removed, so they went before it did.
        if (error.code === 'BACKY_SOURCE_MISSING') dropOthers(config, keep, left);
        if (wasTaken) throw error;
        return [];
      }
    },
  };
}

/** The command that removes a snapshot of the image. */
function removalOf({ pool, namespace, image, user, conf }: CephRbdSourceConfig, snapshot: string): string {
  const options = { conf, id: user, pool, namespace, image, snap: snapshot };
  const words = Object.entries(options).flatMap(([key, value]) =>
    value === undefined ? [] : [`--${key}`, quoted(value)],
  );
  return ['rbd', 'snap', 'rm', ...words].join(' ');
}

/** The image as it is noted along with a snapshot of it. */
function placeOf({ pool, namespace, image, user, conf }: CephRbdSourceConfig, uuid: string): LeftRbdSnapshot {
  return { type: 'ceph-rbd', uuid, pool, namespace, image, user, conf };
}

function dropOthers(config: CephRbdSourceConfig, keep: string | undefined, left: LeftSnapshots): void {
  for (const snapshot of left.all())
    if (isAt(config, snapshot) && snapshot.uuid !== keep) left.drop(snapshot.uuid);
}

function isAt({ pool, namespace, image }: CephRbdSourceConfig, snapshot: LeftSnapshot): boolean {
  const isRbd = snapshot.type === 'ceph-rbd';
  return isRbd && snapshot.pool === pool && snapshot.namespace === namespace && snapshot.image === image;
}

/** Marks the snapshot, then takes it; what cannot be taken leaves no mark. */
async function createSnapshot(
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
    // The first failure is the one to report; the next backup cleans up.
    await cluster.removeMetadata(markKey(uuid)).catch(() => {});
    throw await snapshotFailed(config, cluster, error);
  }
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
    input: { ...inputOf(name, cluster, snapshot), changes },
    method: changes ? 'rbd-diff' : 'full',
    ...(fallback === undefined ? {} : { fallback }),
    ...(config.sampleRuns === undefined ? {} : { sampleRuns: config.sampleRuns }),
    check: () => checkSnapshots(name, cluster, image, since ? [snapshot, since] : [snapshot]),
  };
}

function inputOf(image: string, cluster: RbdCluster, { name, size }: RbdSnapshot): CommandInput {
  return {
    name: `${image}@${name}`,
    snapshot: name,
    size,
    command: cluster.exportCommand(name),
    sample: cluster.sampleCommand(name),
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
