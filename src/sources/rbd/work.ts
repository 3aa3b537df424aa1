import type { CephRbdSourceConfig } from '../../config/config.ts';
import { formatRbdImage } from '../../domain/rbd-image.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import { quoted } from '../../domain/shell-word.ts';
import { type BackyError, isBackyError } from '../../errors.ts';
import type { LeftSnapshots } from '../left-snapshots.ts';
import type { CommandInput, FoundSnapshot, Source } from '../source.ts';
import { baseOf } from './base.ts';
import { type RbdCluster, rbdCluster } from './cluster.ts';
import { dropNotes, noteOf } from './notes.ts';
import { markedRevision, repositoryMark, revisionOf } from './own-snapshot.ts';
import { retireSnapshots } from './retire-snapshots.ts';
import { createSnapshot, describeSnapshot, inputOf } from './take-snapshot.ts';

/** The methods of the source that need rbd. */
export type RbdWork = Pick<Source, 'describe' | 'snapshot' | 'snapshotsThere' | 'retireSnapshots'> &
  Required<Pick<Source, 'reopen'>>;

/**
 * Opens an image. It remembers that the image is missing or the cluster unreachable, so that a backup waits for an
 * unreachable cluster only once.
 */
export function openRbd(config: CephRbdSourceConfig, directory: string, left: LeftSnapshots): RbdWork {
  const cluster = rbdCluster(config);
  let wasTaken = false;
  /** `retireSnapshots` runs first and finds this failure, which `snapshot` then throws. */
  let failure: BackyError | undefined;
  return {
    describe: async () => ({
      name: formatRbdImage(config),
      kind: 'rbd image',
      size: (await cluster.facts()).size,
    }),
    snapshot: async ({ uuid, parent }) => {
      if (failure) throw failure;
      await left.note(noteOf(config, uuid));
      await createSnapshot(config, cluster, uuid, await repositoryMark(directory));
      wasTaken = true;
      return describeSnapshot(config, cluster, uuid, parent);
    },
    snapshotsThere: () => findSnapshots(config, cluster),
    reopen: (record) => reopenSnapshot(config, cluster, record),
    retireSnapshots: async (keep) => {
      if (failure) return [];
      try {
        return await retireNoted(config, cluster, await repositoryMark(directory), keep, left);
      } catch (error) {
        if (!isBackyError(error, 'BACKY_CLUSTER_UNREACHABLE', 'BACKY_SOURCE_MISSING')) throw error;
        failure = error;
        // Ceph removes an image only after its snapshots, so a missing image has none.
        if (error.code === 'BACKY_SOURCE_MISSING') dropNotes(config, keep, left);
        if (wasTaken) throw error;
        return [];
      }
    },
  };
}

/** Finds the snapshots of all repositories. The Python backy uses the same names, but no marks. */
async function findSnapshots(
  config: CephRbdSourceConfig,
  cluster: RbdCluster,
): Promise<readonly FoundSnapshot[]> {
  const image = formatRbdImage(config);
  const marked = new Set([...(await cluster.metadata()).keys()].map(markedRevision));
  return (await cluster.snapshots()).flatMap(({ name }) => {
    const uuid = revisionOf(name);
    if (uuid === undefined || !marked.has(uuid)) return [];
    return [{ uuid, name: `${image}@${name}`, removal: removalOf(config, name) }];
  });
}

/** Formats the command that removes a snapshot of the image. */
function removalOf({ pool, namespace, image, user, conf }: CephRbdSourceConfig, snapshot: string): string {
  const options = { conf, id: user, pool, namespace, image, snap: snapshot };
  const words = Object.entries(options).flatMap(([key, value]) =>
    value === undefined ? [] : [`--${key}`, quoted(value)],
  );
  return ['rbd', 'snap', 'rm', ...words].join(' ');
}

async function reopenSnapshot(
  config: CephRbdSourceConfig,
  cluster: RbdCluster,
  record: RevisionRecord,
): Promise<CommandInput | undefined> {
  const [facts, snapshots] = [await cluster.facts(), await cluster.snapshots()];
  const { since } = baseOf({ ...config, fullAlways: false }, facts, snapshots, record);
  return since && inputOf(formatRbdImage(config), cluster, since);
}

async function retireNoted(
  config: CephRbdSourceConfig,
  cluster: RbdCluster,
  mark: string,
  keep: string | undefined,
  left: LeftSnapshots,
): Promise<readonly string[]> {
  // The note is missing if an earlier version took the snapshot, and wrong if the image was renamed.
  const noteKept = (uuid: string): void => left.amend(noteOf(config, uuid));
  const removed = await retireSnapshots(cluster, mark, keep, left, noteKept);
  dropNotes(config, keep, left);
  return removed.map((snapshot) => `${formatRbdImage(config)}@${snapshot}`);
}
