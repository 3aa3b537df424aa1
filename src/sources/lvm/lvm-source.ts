import type { LvmSourceConfig } from '../../config/config.ts';
import { formatLogicalVolume } from '../../domain/logical-volume.ts';
import { backyError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';
import type { Source } from '../source.ts';
import { takeClassicSnapshot } from './classic-snapshot.ts';
import { repositoryTag } from './own-snapshot.ts';
import { takeThinSnapshot } from './thin-snapshot.ts';
import { tidySnapshots } from './tidy-snapshots.ts';
import { isThin, listVolumes, type Volume } from './volumes.ts';

/**
 * A logical volume of LVM. It is read from a snapshot: of a thin volume one that is kept for the next backup, which
 * then reads what changed; of any other a temporary one, which is read in full.
 *
 * @param directory the repository; its snapshots are marked as its own
 */
export function lvmSource(config: LvmSourceConfig, directory: string, engine: Engine): Source {
  return {
    identity: { type: 'lvm', volume: formatLogicalVolume(config) },
    describe: async () => {
      const volume = await findVolume(config);
      const kind = isThin(volume) ? 'thin volume' : 'volume';
      return { name: formatLogicalVolume(config), kind, size: volume.size };
    },
    snapshot: async ({ uuid, parent }) => {
      const volume = await findVolume(config);
      const order = { engine, config, volume, uuid, tag: await repositoryTag(directory) };
      return isThin(volume) ? takeThinSnapshot(order, parent) : takeClassicSnapshot(order);
    },
    tidy: async (keep) => tidySnapshots(config.volumeGroup, await repositoryTag(directory), keep),
  };
}

/** @throws BACKY_SOURCE_MISSING, BACKY_SOURCE_UNFIT, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED */
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
