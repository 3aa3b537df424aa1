import type { CephRbdSourceConfig } from '../../config/config.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import type { RbdImageFacts, RbdSnapshot } from './image-report.ts';
import { snapshotName } from './own-snapshot.ts';

/** The base of an incremental read. */
export interface Base {
  /** The snapshot of the parent. */
  readonly since?: RbdSnapshot;
  /** Reason why the snapshot of an existing parent cannot be used. */
  readonly fallback?: string;
}

/**
 * Finds the snapshot that the parent was read from. Its name proves nothing, because anybody may create a snapshot
 * or an image of that name. The ids in the record of the parent must match those of the cluster.
 */
export function baseOf(
  { fullAlways }: CephRbdSourceConfig,
  { id }: RbdImageFacts,
  snapshots: readonly RbdSnapshot[],
  parent: RevisionRecord | undefined,
): Base {
  if (!parent) return {};
  if (fullAlways) return { fallback: 'full-always is set in the configuration' };
  const name = snapshotName(parent.uuid);
  const since = snapshots.find((snapshot) => snapshot.name === name);
  if (!since) return { fallback: `the snapshot ${name} of the parent is gone` };
  const { imageId, snapshotId } = parent.source;
  if (imageId === undefined || snapshotId === undefined)
    return { fallback: 'the record of the parent does not have the ids of its image and snapshot' };
  if (imageId !== id) return { fallback: 'the parent was read from another image of this name' };
  if (snapshotId !== since.id) return { fallback: `the snapshot ${name} was made by somebody else` };
  return { since };
}
