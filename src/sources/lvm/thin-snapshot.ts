import { formatLogicalVolume } from '../../domain/logical-volume.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import { backyError } from '../../errors.ts';
import { foreignFormat } from '../image-format.ts';
import type { Snapshot } from '../source.ts';
import { findChanges } from './changes.ts';
import { createSnapshot, type SnapshotOrder, snapshotOf } from './create-snapshot.ts';
import { devicePath } from './device-name.ts';
import { runTool } from './tool.ts';
import { listVolumes } from './volumes.ts';

/**
 * Takes a thin snapshot and finds its changes since the snapshot of the parent. A thin snapshot uses no space at
 * first, and LVM activates it only on request.
 *
 * @throws BACKY_SNAPSHOT_FAILED, BACKY_SOURCE_FORMAT, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED, BACKY_CANCELLED,
 *   BACKY_IO
 */
export function takeThinSnapshot(
  order: SnapshotOrder,
  parent: RevisionRecord | undefined,
): Promise<Snapshot> {
  const { engine, config, volume, signal } = order;
  const { volumeGroup } = config;
  const advice = `Look with "lvs ${volumeGroup}" whether the pool ${volume.pool} is full, and extend it`;
  const options = ['--setactivationskip', 'y'];
  return createSnapshot(order, { options, advice }, async (name) => {
    const full = formatLogicalVolume({ volumeGroup, volume: name });
    const volumes = await listVolumes(volumeGroup);
    const snapshot = volumes.find((candidate) => candidate.name === name);
    if (!snapshot) throw backyError('BACKY_SOURCE_MISSING', { path: full });
    const changes = parent && (await findChanges({ engine, volumeGroup, volumes, snapshot, parent, signal }));
    await runTool('lvchange', ['--quiet', '--activate', 'y', '--ignoreactivationskip', full]);
    const path = devicePath(volumeGroup, name);
    const { size, ...format } = await engine.describeSource(path);
    foreignFormat(formatLogicalVolume(config), format, config);
    return {
      ...snapshotOf(order),
      size,
      input: { path, ...(changes && 'changed' in changes ? { changed: changes.changed } : {}) },
      method: changes && 'changed' in changes ? 'thin-delta' : 'full',
      ...(changes && 'fallback' in changes ? { fallback: changes.fallback } : {}),
    };
  });
}
