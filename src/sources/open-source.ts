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
 * Opens the source of a configuration. `retireSnapshots` of the result covers earlier sources of the repository as
 * well.
 *
 * @param directory the repository, to which paths are relative
 * @param left the list of the repository's snapshots
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
 * Removes all noted snapshots, without the current source.
 *
 * @returns the names of the removed snapshots
 * @throws the errors of `Source.retireSnapshots`, after all other snapshots have been processed
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

/** Runs all retirements, saves the list, and then throws the first failure. */
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

/** Returns one function for each other place with noted snapshots. */
function elsewhere(
  config: SourceConfig | undefined,
  directory: string,
  engine: Engine,
  left: LeftSnapshots,
): readonly Retire[] {
  const places = new Map<string, Retire>();
  for (const snapshot of left.all().filter((each) => !isCovered(config, each))) {
    if (snapshot.type === 'file') {
      // One call covers the snapshots of all files.
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

/** Returns whether the source itself covers a snapshot. */
function isCovered(config: SourceConfig | undefined, snapshot: LeftSnapshot): boolean {
  switch (snapshot.type) {
    case 'file':
      return config?.type === 'file';
    case 'lvm':
      // One call covers all volumes of a group.
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
