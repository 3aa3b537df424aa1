import type { LvmSourceConfig } from '../../config/config.ts';
import { formatLogicalVolume } from '../../domain/logical-volume.ts';
import type { Engine } from '../../native/engine.ts';
import type { LeftSnapshots } from '../left-snapshots.ts';
import type { Source } from '../source.ts';
import { devicePath } from './device-name.ts';

/**
 * A logical volume of LVM. It is read from a snapshot: of a thin volume one that is kept for the next backup, which
 * then reads what changed; of any other a temporary one, which is read in full.
 *
 * @param directory the repository; its snapshots are marked as its own
 * @param left notes the snapshots that are made, and says which there are
 */
export function lvmSource(
  config: LvmSourceConfig,
  directory: string,
  engine: Engine,
  left: LeftSnapshots,
): Source {
  // Loaded when it is needed: what runs other programs takes a while to load, and most sources are files.
  const work = () => import('./work.ts');
  return {
    identity: { type: 'lvm', volume: formatLogicalVolume(config) },
    target: devicePath(config.volumeGroup, config.volume),
    describe: async () => (await work()).describeVolume(config),
    snapshot: async (request) => (await work()).takeSnapshot({ config, directory, engine, left }, request),
    reopen: async (record) => (await work()).reopenSnapshot(config, record),
    room: async () => (await work()).roomOfPool({ config, directory, left }),
    snapshotsThere: async () => (await work()).findSnapshots(config),
    retireSnapshots: async (keep) => (await work()).retireVolumeSnapshots({ config, directory, left }, keep),
  };
}
