import type { LvmSourceConfig } from '../../config/config.ts';
import type { GuestRoom } from '../../domain/guest-room.ts';
import { formatLogicalVolume } from '../../domain/logical-volume.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import { backyError, isBackyError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';
import type { LeftSnapshots } from '../left-snapshots.ts';
import type { FoundSnapshot, PathInput, Snapshot, SnapshotRequest, SourceDescription } from '../source.ts';
import { takeClassicSnapshot } from './classic-snapshot.ts';
import { devicePath } from './device-name.ts';
import { hasRepositoryTag, repositoryTag, revisionOf } from './own-snapshot.ts';
import { roomIn } from './pool-room.ts';
import { retireSnapshots } from './retire-snapshots.ts';
import { takeThinSnapshot } from './thin-snapshot.ts';
import { runTool } from './tool.ts';
import { isThin, listVolumes, type Volume } from './volumes.ts';

/** A volume and its repository. */
interface Place {
  readonly config: LvmSourceConfig;
  readonly directory: string;
  readonly left: LeftSnapshots;
}

/** Describes the volume. @throws BACKY_SOURCE_MISSING, BACKY_SOURCE_UNFIT, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED */
export async function describeVolume(config: LvmSourceConfig): Promise<SourceDescription> {
  const volume = await findVolume(config);
  const kind = isThin(volume) ? 'thin volume' : 'volume';
  return { name: formatLogicalVolume(config), kind, size: volume.size };
}

/**
 * Takes a snapshot of the volume, thin or classic.
 *
 * @throws BACKY_SOURCE_MISSING, BACKY_SOURCE_UNFIT, BACKY_SNAPSHOT_FAILED, BACKY_SOURCE_FORMAT, BACKY_TOOL_MISSING,
 *   BACKY_TOOL_FAILED, BACKY_CANCELLED, BACKY_IO
 */
export async function takeSnapshot(
  { config, directory, engine, left }: Place & { readonly engine: Engine },
  { uuid, parent, signal }: SnapshotRequest,
): Promise<Snapshot> {
  const volume = await findVolume(config);
  await left.note({ type: 'lvm', uuid, volumeGroup: config.volumeGroup, volume: config.volume });
  const order = { engine, config, volume, uuid, tag: await repositoryTag(directory), signal };
  return isThin(volume) ? takeThinSnapshot(order, parent) : takeClassicSnapshot(order);
}

/**
 * Activates the thin snapshot of a revision. `retireVolumeSnapshots` deactivates it.
 *
 * @returns undefined when the snapshot is gone
 * @throws BACKY_TOOL_MISSING, BACKY_TOOL_FAILED
 */
export async function reopenSnapshot(
  { volumeGroup }: LvmSourceConfig,
  { uuid }: RevisionRecord,
): Promise<PathInput | undefined> {
  const volumes = await listVolumes(volumeGroup);
  const snapshot = volumes.find(
    (volume) => revisionOf(volume) === uuid && isThin(volume) && volume.isReadOnly,
  );
  if (!snapshot) return undefined;
  const name = formatLogicalVolume({ volumeGroup, volume: snapshot.name });
  await runTool('lvchange', ['--quiet', '--activate', 'y', '--ignoreactivationskip', name]);
  return { path: devicePath(volumeGroup, snapshot.name) };
}

/** Removes snapshots of the repository as `retireSnapshots` does. @throws BACKY_TOOL_FAILED, BACKY_IO */
export async function retireVolumeSnapshots(
  { config, directory, left }: Place,
  keep: string | undefined,
): Promise<readonly string[]> {
  try {
    return await retireSnapshots(config.volumeGroup, await repositoryTag(directory), keep, left);
  } catch (error) {
    // Without LVM there are no snapshots. The backup itself reports that LVM is missing.
    if (isBackyError(error, 'BACKY_TOOL_MISSING')) return [];
    throw error;
  }
}

/**
 * Returns the pool space that guests may need while thin snapshots of their volumes exist; undefined for other volumes,
 * whose snapshots have space of their own.
 *
 * @throws BACKY_SOURCE_MISSING, BACKY_SOURCE_UNFIT, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED
 */
export async function roomOfPool({ config, left }: Place): Promise<GuestRoom | undefined> {
  const volume = await findVolume(config);
  return isThin(volume) ? roomIn(await listVolumes(config.volumeGroup), volume, left) : undefined;
}

/** Finds the snapshots of all repositories in the group. @throws BACKY_TOOL_MISSING, BACKY_TOOL_FAILED */
export async function findSnapshots({ volumeGroup }: LvmSourceConfig): Promise<readonly FoundSnapshot[]> {
  return (await listVolumes(volumeGroup)).filter(hasRepositoryTag).map((volume) => {
    const name = formatLogicalVolume({ volumeGroup, volume: volume.name });
    return { uuid: revisionOf(volume) ?? '', name, removal: `lvremove ${name}` };
  });
}

async function findVolume(config: LvmSourceConfig): Promise<Volume> {
  const source = formatLogicalVolume(config);
  const volume = (await listVolumes(config.volumeGroup)).find(({ name }) => name === config.volume);
  if (!volume) throw backyError('BACKY_SOURCE_MISSING', { path: source });
  const reason = unfitReason(volume);
  if (reason === undefined) return volume;
  throw backyError('BACKY_SOURCE_UNFIT', {
    source,
    reason,
    advice: 'Name a volume that holds the data of a disk',
  });
}

function unfitReason({ role }: Volume): string | undefined {
  if (!role.includes('public')) return 'it is a part of LVM itself, such as a pool';
  return role.includes('thicksnapshot') ? 'there are no snapshots of snapshots' : undefined;
}
