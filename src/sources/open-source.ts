import type { SourceConfig } from '../config/config.ts';
import type { LeftRbdSnapshot, LeftSnapshot, LeftVolume } from '../domain/left-snapshot.ts';
import type { Engine } from '../native/engine.ts';
import { fileSource } from './file-source.ts';
import { retireLeftFiles } from './left-files.ts';
import { type LeftSnapshots, unsavedNotes } from './left-snapshots.ts';
import { lvmSource } from './lvm/lvm-source.ts';
import { rbdSource } from './rbd/rbd-source.ts';
import type { Source } from './source.ts';

/**
 * The source that a configuration describes. To tidy it up is to tidy up wherever snapshots were left, also at sources
 * that the repository had before.
 *
 * @param directory what relative paths are relative to: the repository
 * @param left notes the snapshots that are made, and says which there are
 */
export function openSource(
  config: SourceConfig,
  directory: string,
  engine: Engine,
  left: LeftSnapshots = unsavedNotes(),
): Source {
  const source = openOne(config, directory, engine, left);
  const retirements = (): readonly Retire[] => [
    source.retireSnapshots,
    ...elsewhere(config, directory, engine, left),
  ];
  return { ...source, retireSnapshots: (keep) => retireAll(retirements(), left, keep) };
}

/**
 * Removes all snapshots that are noted, without a source that they would be of use for.
 *
 * @returns the names of what was removed
 * @throws what `Source.retireSnapshots` throws, after all others have been seen to
 */
export function retireLeftSnapshots(
  directory: string,
  engine: Engine,
  left: LeftSnapshots,
): Promise<readonly string[]> {
  return retireAll(elsewhere(undefined, directory, engine, left), left, undefined);
}

type Retire = Source['retireSnapshots'];

function openOne(config: SourceConfig, directory: string, engine: Engine, left: LeftSnapshots): Source {
  switch (config.type) {
    case 'file':
      return fileSource(config, directory, engine, left);
    case 'lvm':
      return lvmSource(config, directory, engine, left);
    case 'ceph-rbd':
      return rbdSource(config, directory, left);
  }
}

/** Everything is seen to before the first failure is thrown. */
async function retireAll(
  retirements: readonly Retire[],
  left: LeftSnapshots,
  keep: string | undefined,
): Promise<readonly string[]> {
  const removed: string[] = [];
  const failures: unknown[] = [];
  const attempt = async (work: () => Promise<readonly string[]>): Promise<void> => {
    try {
      removed.push(...(await work()));
    } catch (error) {
      failures.push(error);
    }
  };
  for (const retire of retirements) await attempt(() => retire(keep));
  await attempt(async () => {
    await left.save();
    return [];
  });
  if (failures.length > 0) throw failures[0];
  return removed;
}

/** Whatever tidies up at the other places where snapshots are noted. */
function elsewhere(
  config: SourceConfig | undefined,
  directory: string,
  engine: Engine,
  left: LeftSnapshots,
): readonly Retire[] {
  const places = new Map<string, Retire>();
  for (const snapshot of left.all().filter((each) => !isPlace(config, each))) {
    if (snapshot.type === 'file') {
      // One source of files sees to the snapshots of all of them.
      const around = { repository: directory, directory: undefined };
      places.set('file', (keep) => retireLeftFiles(engine, left, keep, around));
    } else {
      const place = configOf(snapshot);
      places.set(JSON.stringify(place), (keep) =>
        openOne(place, directory, engine, left).retireSnapshots(keep),
      );
    }
  }
  return [...places.values()];
}

function configOf(snapshot: LeftVolume | LeftRbdSnapshot): SourceConfig {
  if (snapshot.type === 'lvm') {
    const { type, volumeGroup, volume } = snapshot;
    return { type, volumeGroup, volume };
  }
  const { type, pool, namespace, image, user, conf } = snapshot;
  return {
    type,
    pool,
    image,
    ...(namespace === undefined ? {} : { namespace }),
    ...(user === undefined ? {} : { user }),
    ...(conf === undefined ? {} : { conf }),
  };
}

/** Whether a snapshot was left at this very source. */
function isPlace(config: SourceConfig | undefined, snapshot: LeftSnapshot): boolean {
  switch (snapshot.type) {
    case 'file':
      return config?.type === 'file';
    case 'lvm':
      // The snapshots of a volume group are listed all at once.
      return config?.type === 'lvm' && config.volumeGroup === snapshot.volumeGroup;
    case 'ceph-rbd':
      return (
        config?.type === 'ceph-rbd' &&
        config.pool === snapshot.pool &&
        config.namespace === snapshot.namespace &&
        config.image === snapshot.image
      );
  }
}
