import { createHash } from 'node:crypto';
import { lstatSync, statSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { FileIdentity } from '../domain/file-identity.ts';
import type { GuestRoom } from '../domain/guest-room.ts';
import type { LeftFile } from '../domain/left-snapshot.ts';
import { isBackyError } from '../errors.ts';
import { fromNodeError, isIoError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { roomBeside } from './file-room.ts';
import { identityOf, locate, retireLeftFiles } from './left-files.ts';
import type { LeftSnapshots } from './left-snapshots.ts';
import { fileOfSnapshot, revisionOfSnapshot } from './snapshot-files.ts';

/** The hidden snapshots of one file that belong to one repository. */
export interface FileSnapshots {
  /**
   * Clones the file as it is now to the name of the image.
   *
   * @returns undefined where the two places share no blocks
   * @throws BACKY_CANCELLED, BACKY_IO
   */
  cloneTo(image: string, signal?: AbortSignal): Promise<TakenSnapshot | undefined>;
  /** Notes durably that a snapshot is about to be taken beside the file. @throws BACKY_IO */
  note(uuid: string): Promise<void>;
  /** Clones the file as it is now, beside it. @throws BACKY_REFLINK_UNSUPPORTED, BACKY_CANCELLED, BACKY_IO */
  takeBeside(uuid: string, signal?: AbortSignal): Promise<TakenSnapshot>;
  /** The file of a snapshot that lies beside the source, if it is anywhere. */
  fileOf(uuid: string): Promise<string>;
  /**
   * Removes all but that of the revision `keep`, and that too if an earlier version made it the image. Nothing but backy
   * should have a name of an image: whoever moved the snapshot into the place of the source would change the revision.
   *
   * @returns the paths of what was removed
   */
  retire(keep: string | undefined): Promise<readonly string[]>;
  /**
   * What guests may need while the snapshot of revision `uuid` is kept; without one, a snapshot of the file as it is. The
   * other snapshots in the directory count, but not those of this repository, which go.
   *
   * @param image the image, if the snapshot is that
   * @throws BACKY_IO
   */
  room(uuid: string | undefined, image: string | undefined): Promise<GuestRoom | undefined>;
  /** The paths of all snapshots beside the file, whatever file and repository they belong to. */
  beside(): Promise<readonly string[]>;
}

/** A snapshot that was taken. */
export interface TakenSnapshot {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly identity: FileIdentity;
}

/** Tells repositories apart that back up the same file, for people who look at the names. */
const OWNER_DIGITS = 8;

/**
 * Where the repository is on another filesystem, snapshots lie beside the file itself, wherever links to it are, because
 * that is where its filesystem is: in a directory `.NAME.backy-OWNER-UUID` that nobody else may enter, OWNER standing for
 * the place of the repository when the snapshot was taken.
 *
 * @param left notes where they are, so that they are found when the source or the repository has moved
 */
export function fileSnapshots(
  path: string,
  repository: string,
  engine: Engine,
  left: LeftSnapshots,
): FileSnapshots {
  const place = (): Promise<Place> => placeOf(path, repository, engine);
  const beside = async (): Promise<readonly string[]> => {
    const directory = await directoryOf(place);
    if (directory === undefined) return [];
    const names = (await readdir(directory)).filter((name) => revisionOfSnapshot(name) !== undefined);
    return names.sort().map((name) => join(directory, name));
  };
  const newPathOf = async (uuid: string): Promise<string> => {
    const { file, prefix } = await place();
    return join(dirname(file), prefix + uuid);
  };
  const fileOf = async (uuid: string): Promise<string> => {
    const { file } = await place();
    const noted = notedFiles(left).find((snapshot) => snapshot.uuid === uuid);
    const found = noted && locate(noted, dirname(file));
    return fileOfSnapshot(found ?? (await newPathOf(uuid)), uuid);
  };
  return {
    fileOf,
    cloneTo: async (image, signal) => {
      try {
        const clone = await engine.cloneSource({ source: (await place()).file, image }, { signal });
        return { path: image, ...clone };
      } catch (error) {
        if (isBackyError(error, 'BACKY_REFLINK_UNSUPPORTED')) return undefined;
        throw error;
      }
    },
    note: async (uuid) => left.note({ type: 'file', uuid, path: await newPathOf(uuid) }),
    takeBeside: async (uuid, signal) => {
      const [{ file }, directory] = [await place(), await newPathOf(uuid)];
      const options = { source: file, directory, name: uuid, repository };
      const taken = await engine.takeSnapshot(options, { signal });
      left.amend({ type: 'file', uuid, path: directory, identity: taken.identity });
      return { path: fileOfSnapshot(directory, uuid), ...taken };
    },
    retire: async (keep) => {
      if (!left.isComplete) await noteEarlier(place, left);
      return retireLeftFiles(engine, left, keep, { repository, directory: await directoryOf(place) });
    },
    room: async (uuid, image) => {
      const { file } = await place();
      const kept = image ?? (uuid === undefined ? file : await fileOf(uuid));
      const noted = new Set(left.all().map((snapshot) => snapshot.uuid));
      const others = (await beside()).filter((path) => !noted.has(revisionOfSnapshot(path) ?? ''));
      return roomBeside(file, kept, others);
    },
    beside,
  };
}

interface Place {
  /** The file itself, behind all links. */
  readonly file: string;
  /** Begins the names of new snapshots. */
  readonly prefix: string;
}

async function placeOf(path: string, repository: string, engine: Engine): Promise<Place> {
  try {
    const file = await engine.realPath(path);
    const owner = createHash('sha256')
      .update(await realpath(repository))
      .digest('hex');
    return { file, prefix: `.${basename(file)}.backy-${owner.slice(0, OWNER_DIGITS)}-` };
  } catch (error) {
    throw fromNodeError(error);
  }
}

function notedFiles(left: LeftSnapshots): readonly LeftFile[] {
  return left.all().filter((snapshot) => snapshot.type === 'file');
}

/** Notes what earlier versions left, which noted nothing. */
async function noteEarlier(place: () => Promise<Place>, left: LeftSnapshots): Promise<void> {
  try {
    const { file, prefix } = await place();
    const names = (await readdir(dirname(file))).filter((name) => name.startsWith(prefix)).sort();
    for (const name of names) {
      const path = join(dirname(file), name);
      const uuid = revisionOfSnapshot(name);
      if (uuid === undefined) continue;
      const stats = lstatSync(fileOfSnapshot(path, uuid), { bigint: true, throwIfNoEntry: false });
      left.amend({ type: 'file', uuid, path, ...(stats ? { identity: identityOf(stats) } : {}) });
    }
  } catch (error) {
    // Where the source is gone nobody can say where its snapshots were; the backup will say that it is gone.
    if (!isGone(error)) throw fromNodeError(error);
  }
}

/** The directory of the file; undefined when it is gone. */
async function directoryOf(place: () => Promise<Place>): Promise<string | undefined> {
  try {
    const directory = dirname((await place()).file);
    return statSync(directory).isDirectory() ? directory : undefined;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw fromNodeError(error);
  }
}

/** Whether there is no source, or a link of a stranger in its place. */
function isGone(error: unknown): boolean {
  const failure = fromNodeError(error);
  return isIoError(failure, 'ENOENT', 'ENOTDIR') || isBackyError(failure, 'BACKY_LINK_FOREIGN');
}
