import type { CephRbdSourceConfig } from '../../config/config.ts';
import { formatRbdImage, RBD_PREFIX } from '../../domain/rbd-image.ts';
import type { LeftSnapshots } from '../left-snapshots.ts';
import type { Source } from '../source.ts';
import type { RbdWork } from './work.ts';

/**
 * An image of a Ceph cluster. Each revision is read from a snapshot of its own, and as long as there is the one of the
 * revision before, only the objects that changed in between.
 *
 * @param directory the repository; its snapshots are marked as its own
 * @param left notes the snapshots that are made, and says which there are
 */
export function rbdSource(config: CephRbdSourceConfig, directory: string, left: LeftSnapshots): Source {
  let opened: Promise<RbdWork> | undefined;
  // Loaded when it is needed: what runs other programs takes a while to load, and most sources are files.
  const work = (): Promise<RbdWork> => {
    opened ??= import('./work.ts').then(({ openRbd }) => openRbd(config, directory, left));
    return opened;
  };
  return {
    identity: { type: 'ceph-rbd', image: formatRbdImage(config) },
    target: RBD_PREFIX + formatRbdImage(config),
    describe: async () => (await work()).describe(),
    snapshot: async (request) => (await work()).snapshot(request),
    snapshotsThere: async () => (await work()).snapshotsThere(),
    reopen: async (record) => (await work()).reopen(record),
    retireSnapshots: async (keep) => (await work()).retireSnapshots(keep),
  };
}
