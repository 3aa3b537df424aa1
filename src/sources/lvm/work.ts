import type { LvmSourceConfig } from '../../config/config.ts';
import { formatLogicalVolume } from '../../domain/logical-volume.ts';
import { backyError, isBackyError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';
import type { Snapshot, SnapshotRequest, SourceDescription } from '../source.ts';
import { takeClassicSnapshot } from './classic-snapshot.ts';
import { repositoryTag } from './own-snapshot.ts';
import { takeThinSnapshot } from './thin-snapshot.ts';
import { tidySnapshots } from './tidy-snapshots.ts';
import { isThin, listVolumes, type Volume } from './volumes.ts';

/** A volume and the repository that it is backed up into. */
interface Place {
  readonly config: LvmSourceConfig;
  readonly directory: string;
}

/** @throws BACKY_SOURCE_MISSING, BACKY_SOURCE_UNFIT, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED */
export async function describeVolume(config: LvmSourceConfig): Promise<SourceDescription> {
  const volume = await findVolume(config);
  const kind = isThin(volume) ? 'thin volume' : 'volume';
  return { name: formatLogicalVolume(config), kind, size: volume.size };
}

/**
 * @throws BACKY_SOURCE_MISSING, BACKY_SOURCE_UNFIT, BACKY_SNAPSHOT_FAILED, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED,
 *   BACKY_IO
 */
export async function takeSnapshot(
  { config, directory, engine }: Place & { readonly engine: Engine },
  { uuid, parent }: SnapshotRequest,
): Promise<Snapshot> {
  const volume = await findVolume(config);
  const order = { engine, config, volume, uuid, tag: await repositoryTag(directory) };
  return isThin(volume) ? takeThinSnapshot(order, parent) : takeClassicSnapshot(order);
}

/** @throws BACKY_TOOL_FAILED, BACKY_IO */
export async function tidyVolume(
  { config, directory }: Place,
  keep: string | undefined,
): Promise<readonly string[]> {
  try {
    return await tidySnapshots(config.volumeGroup, await repositoryTag(directory), keep);
  } catch (error) {
    // Where there is no LVM there are no snapshots; the backup will say that it is missing.
    if (isBackyError(error, 'BACKY_TOOL_MISSING')) return [];
    throw error;
  }
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
