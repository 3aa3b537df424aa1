import type { CephRbdSourceConfig } from '../../config/config.ts';
import { formatRbdImage, RBD_PREFIX } from '../../domain/rbd-image.ts';
import type { LeftSnapshots } from '../left-snapshots.ts';
import type { Source } from '../source.ts';
import type { RbdWork } from './work.ts';

/**
 * Opens an image of a Ceph cluster as a source. Each backup takes a snapshot. While the snapshot of the previous
 * revision exists, only the objects that changed since then are read.
 *
 * @param directory the repository, whose mark the snapshots get
 * @param left the list of the repository's snapshots
 */
export function rbdSource(config: CephRbdSourceConfig, directory: string, left: LeftSnapshots): Source {
  let opened: Promise<RbdWork> | undefined;
  // The code that runs programs is slow to load, and most sources do not need it.
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
