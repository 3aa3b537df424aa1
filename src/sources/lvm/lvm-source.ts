import type { LvmSourceConfig } from '../../config/config.ts';
import { formatLogicalVolume } from '../../domain/logical-volume.ts';
import type { Engine } from '../../native/engine.ts';
import type { LeftSnapshots } from '../left-snapshots.ts';
import type { Source } from '../source.ts';
import { devicePath } from './device-name.ts';

/**
 * Opens a logical volume of LVM as a source. Each backup reads a snapshot. The snapshot of a thin volume is kept,
 * so that the next backup reads only the changes. The snapshot of any other volume is temporary and read in full.
 *
 * @param directory the repository, whose tag the snapshots get
 * @param left the list of the repository's snapshots
 */
export function lvmSource(
  config: LvmSourceConfig,
  directory: string,
  engine: Engine,
  left: LeftSnapshots,
): Source {
  // The code that runs programs is slow to load, and most sources do not need it.
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
