import type { CephRbdSourceConfig } from '../../config/config.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import type { RbdImageFacts, RbdSnapshot } from './cluster.ts';
import { snapshotName } from './own-snapshot.ts';

/** What the changes of a revision are read from. */
export interface Base {
  /** The snapshot of the parent. */
  readonly since?: RbdSnapshot;
  /** Why that cannot be used, where there is a parent. */
  readonly fallback?: string;
}

/**
 * Finds the snapshot that the parent was read from. A name proves nothing: anybody may have made another snapshot of
 * that name, or another image. So the ids that the record of the parent has must be those of the cluster.
 */
export function baseOf(
  { fullAlways }: CephRbdSourceConfig,
  { id }: RbdImageFacts,
  snapshots: readonly RbdSnapshot[],
  parent: RevisionRecord | undefined,
): Base {
  if (!parent) return {};
  if (fullAlways) return { fallback: 'the configuration says full-always' };
  const name = snapshotName(parent.uuid);
  const since = snapshots.find((snapshot) => snapshot.name === name);
  if (!since) return { fallback: `the snapshot ${name} of the parent is gone` };
  const { imageId, snapshotId } = parent.source;
  if (imageId === undefined || snapshotId === undefined)
    return { fallback: 'the record of the parent does not have the ids of its image and snapshot' };
  if (imageId !== id) return { fallback: 'the parent was read from another image of this name' };
  if (snapshotId !== since.id) return { fallback: `somebody else has made the snapshot ${name}` };
  return { since };
}
