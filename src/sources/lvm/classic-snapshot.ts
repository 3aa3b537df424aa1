import { formatLogicalVolume } from '../../domain/logical-volume.ts';
import { formatSize } from '../../domain/size.ts';
import { snapshotRoom } from '../../domain/snapshot-room.ts';
import { backyError } from '../../errors.ts';
import { foreignFormat } from '../image-format.ts';
import type { Snapshot } from '../source.ts';
import { createSnapshot, type SnapshotOrder, snapshotOf } from './create-snapshot.ts';
import { devicePath } from './device-name.ts';
import { listVolumes } from './volumes.ts';

/**
 * Takes a temporary snapshot of a volume that is not thin. LVM copies overwritten data into a reserved space. When
 * that space is full, the snapshot is lost, and `check` reports it.
 *
 * @throws BACKY_SOURCE_UNFIT when the volume is inactive, BACKY_SNAPSHOT_FAILED, BACKY_SOURCE_FORMAT,
 *   BACKY_TOOL_MISSING, BACKY_TOOL_FAILED, BACKY_IO
 */
export async function takeClassicSnapshot(order: SnapshotOrder): Promise<Snapshot> {
  const { engine, config, volume } = order;
  const { volumeGroup, snapshotSize } = config;
  const source = formatLogicalVolume(config);
  if (!volume.isActive) {
    const advice = `Activate it with "lvchange --activate y ${source}"`;
    throw backyError('BACKY_SOURCE_UNFIT', { source, reason: 'it is not active', advice });
  }
  const room = snapshotRoom(snapshotSize, volume.size) ?? volume.size;
  const advice = `It needs ${formatSize(room)} in the volume group ${volumeGroup}: free some, or set snapshot-size in the configuration`;
  return createSnapshot(order, { options: ['--size', `${room}b`], advice }, async (name) => {
    const path = devicePath(volumeGroup, name);
    const { size, ...format } = await engine.describeSource(path);
    foreignFormat(formatLogicalVolume(config), format, config);
    return {
      ...snapshotOf(order),
      size,
      input: { path },
      method: 'full',
      fallback: 'only thin volumes report changes',
      check: () => checkSnapshot(volumeGroup, name, room),
    };
  });
}

/** Checks that the snapshot is still valid. @throws BACKY_SNAPSHOT_LOST, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED */
async function checkSnapshot(volumeGroup: string, name: string, room: number): Promise<void> {
  const snapshot = (await listVolumes(volumeGroup)).find((volume) => volume.name === name);
  if (snapshot && !snapshot.isInvalid) return;
  const reason = snapshot
    ? `more than its ${formatSize(room)} were overwritten meanwhile`
    : 'somebody removed it';
  const advice = 'Raise snapshot-size in the configuration, or back up when less is written';
  throw backyError('BACKY_SNAPSHOT_LOST', { snapshot: `${volumeGroup}/${name}`, reason, advice });
}
