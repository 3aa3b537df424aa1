import type { GuestRoom } from '../../domain/guest-room.ts';
import type { LeftSnapshots } from '../left-snapshots.ts';
import { hasRepositoryTag, revisionOf } from './own-snapshot.ts';
import type { Volume } from './volumes.ts';

/**
 * Calculates the space in a thin pool that guests may need while snapshots exist: the snapshot of `volume`, and
 * those of other repositories in the same pool. In the worst case, guests overwrite all data of their volumes.
 *
 * @param volumes all volumes of the group
 * @param left the snapshots of this repository, which do not count because they are retired
 * @returns undefined where LVM does not report the usage of the pool
 */
export function roomIn(
  volumes: readonly Volume[],
  volume: Volume,
  left: LeftSnapshots,
): GuestRoom | undefined {
  const pool = volumes.find(({ name }) => name === volume.pool);
  const ownBytes = dataBytes(volume);
  if (pool?.dataPercent === undefined || ownBytes === undefined) return undefined;
  const noted = new Set(left.all().map(({ uuid }) => uuid));
  const others = volumes.filter(
    (each) => each.pool === volume.pool && hasRepositoryTag(each) && !noted.has(revisionOf(each) ?? ''),
  );
  // LVM reports no usage for an inactive snapshot, so the usage of its volume stands in.
  const otherBytes = others.map(({ origin }) => dataBytes(volumes.find(({ name }) => name === origin)) ?? 0);
  return {
    unshareableBytes: otherBytes.reduce((sum, bytes) => sum + bytes, ownBytes),
    freeBytes: Math.floor((pool.size * (100 - pool.dataPercent)) / 100),
    totalBytes: pool.size,
  };
}

function dataBytes(volume: Volume | undefined): number | undefined {
  return volume?.dataPercent === undefined ? undefined : Math.ceil((volume.size * volume.dataPercent) / 100);
}
