import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FileIdentity } from '../domain/file-identity.ts';
import type { GuestRoom } from '../domain/guest-room.ts';
import { isBackyError } from '../errors.ts';
import type { Engine } from '../native/engine.ts';
import { type FilePlace, placeOf, reachableDirectory } from './file-place.ts';
import { roomBeside } from './file-room.ts';
import { locate, notedFiles, noteEarlier, retireLeftFiles } from './left-files.ts';
import type { LeftSnapshots } from './left-snapshots.ts';
import { fileOfSnapshot, revisionOfSnapshot } from './snapshot-files.ts';

/** The hidden snapshots of one file that belong to one repository. */
export interface FileSnapshots {
  /**
   * Clones the current state of the file to the path of the image.
   *
   * @returns undefined where the two paths cannot share blocks
   * @throws BACKY_CANCELLED, BACKY_IO
   */
  cloneTo(image: string, signal?: AbortSignal): Promise<TakenSnapshot | undefined>;
  /** Durably notes the snapshot that `takeBeside` is about to create. @throws BACKY_IO */
  note(uuid: string): Promise<void>;
  /**
   * Clones the current state of the file into its directory.
   *
   * @throws BACKY_REFLINK_UNSUPPORTED, BACKY_CANCELLED, BACKY_IO
   */
  takeBeside(uuid: string, signal?: AbortSignal): Promise<TakenSnapshot>;
  /** Returns the path of the snapshot beside the file, which need not exist. @throws BACKY_IO */
  fileOf(uuid: string): Promise<string>;
  /**
   * Removes all snapshots except that of the revision `keep`. A snapshot of an earlier version is removed even then
   * if it is the image as well: a second name outside of the repository would let others change the revision.
   *
   * @returns the paths of the removed snapshots
   * @throws BACKY_IO
   */
  retire(keep: string | undefined): Promise<readonly string[]>;
  /**
   * Returns the space that guests may need while the snapshot of revision `uuid` exists; without an id, a new
   * snapshot of the file. Snapshots of other repositories in the directory count. Those of this repository do not,
   * because they are retired.
   *
   * @param image path of the image, if the image is the snapshot
   * @throws BACKY_IO
   */
  room(uuid: string | undefined, image: string | undefined): Promise<GuestRoom | undefined>;
  /** Lists the paths of all snapshots in the directory of the file, of any file and repository. */
  beside(): Promise<readonly string[]>;
}

/** A new snapshot. */
export interface TakenSnapshot {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly identity: FileIdentity;
}

/**
 * Manages the snapshots of a file. If the repository is on another filesystem, snapshots must be in the directory
 * of the file itself, behind all links. Each one is a directory `.NAME.backy-OWNER-UUID` that only its owner may
 * enter. OWNER is derived from the path of the repository at that time.
 *
 * @param left the list of the repository's snapshots, which finds them after a move of the source or the repository
 */
export function fileSnapshots(
  path: string,
  repository: string,
  engine: Engine,
  left: LeftSnapshots,
): FileSnapshots {
  const place = (): Promise<FilePlace> => placeOf(path, repository, engine);
  return {
    cloneTo: async (image, signal) => cloneTo(engine, (await place()).file, image, signal),
    note: async (uuid) => left.note({ type: 'file', uuid, path: newPath(await place(), uuid) }),
    takeBeside: async (uuid, signal) => {
      const at = await place();
      const directory = newPath(at, uuid);
      const options = { source: at.file, directory, name: uuid, repository };
      const taken = await engine.takeSnapshot(options, { signal });
      left.amend({ type: 'file', uuid, path: directory, identity: taken.identity });
      return { path: fileOfSnapshot(directory, uuid), ...taken };
    },
    fileOf: async (uuid) => fileOf(await place(), uuid, left),
    retire: async (keep) => {
      if (!left.isComplete) await noteEarlier(place, left);
      return retireLeftFiles(engine, left, keep, { repository, directory: await reachableDirectory(place) });
    },
    room: async (uuid, image) => {
      const at = await place();
      const kept = image ?? (uuid === undefined ? at.file : fileOf(at, uuid, left));
      const noted = new Set(left.all().map((snapshot) => snapshot.uuid));
      const others = await listSnapshots(dirname(at.file));
      const foreign = others.filter((other) => !noted.has(revisionOfSnapshot(other) ?? ''));
      return roomBeside(at.file, kept, foreign);
    },
    beside: async () => {
      const directory = await reachableDirectory(place);
      return directory === undefined ? [] : listSnapshots(directory);
    },
  };
}

async function cloneTo(
  engine: Engine,
  source: string,
  image: string,
  signal: AbortSignal | undefined,
): Promise<TakenSnapshot | undefined> {
  try {
    return { path: image, ...(await engine.cloneSource({ source, image }, { signal })) };
  } catch (error) {
    if (isBackyError(error, 'BACKY_REFLINK_UNSUPPORTED')) return undefined;
    throw error;
  }
}

function newPath({ file, prefix }: FilePlace, uuid: string): string {
  return join(dirname(file), prefix + uuid);
}

function fileOf(place: FilePlace, uuid: string, left: LeftSnapshots): string {
  const noted = notedFiles(left).find((snapshot) => snapshot.uuid === uuid);
  const found = noted && locate(noted, dirname(place.file));
  return fileOfSnapshot(found ?? newPath(place, uuid), uuid);
}

async function listSnapshots(directory: string): Promise<readonly string[]> {
  const names = (await readdir(directory)).filter((name) => revisionOfSnapshot(name) !== undefined);
  return names.sort().map((name) => join(directory, name));
}
