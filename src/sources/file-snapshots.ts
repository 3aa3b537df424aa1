import { createHash } from 'node:crypto';
import { lstatSync, statfsSync, statSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { GuestRoom } from '../domain/guest-room.ts';
import type { LeftFile } from '../domain/left-snapshot.ts';
import { isOwnRevisionId } from '../domain/revision-id.ts';
import { fromNodeError, isIoError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { identityOf, locate, tidyLeftFiles } from './left-files.ts';
import type { LeftSnapshots } from './left-snapshots.ts';

/** The hidden snapshots of one file that belong to one repository. */
export interface FileSnapshots {
  /** Notes that the snapshot of a revision is about to be taken, durably. @throws BACKY_IO */
  note(uuid: string): Promise<void>;
  /** Clones the file as it is now. @throws BACKY_REFLINK_UNSUPPORTED, BACKY_CANCELLED, BACKY_IO */
  take(uuid: string, signal?: AbortSignal): Promise<{ readonly path: string; readonly size: number }>;
  /** Where the snapshot of a revision is, if it is anywhere. */
  pathOf(uuid: string): Promise<string>;
  /** What to compare with: the snapshot of the parent, or if that has become its image, the image. */
  ofParent(uuid: string, image: string | undefined): Promise<string>;
  /**
   * Removes all but that of the revision `keep`, and that too if it has become the image. Nothing but backy should have
   * a name of an image: whoever moved the snapshot into the place of the source would change the revision.
   *
   * @returns the paths of what was removed
   */
  tidy(keep: string | undefined): Promise<readonly string[]>;
  /**
   * What guests may need while the snapshot of revision `uuid` is kept; without one, a snapshot of the file as it is. The
   * other snapshots in the directory count, but not those of this repository, which go.
   *
   * @throws BACKY_IO
   */
  room(uuid: string | undefined): Promise<GuestRoom | undefined>;
  /** The paths of all snapshots beside the file, whatever file and repository they belong to. */
  beside(): Promise<readonly string[]>;
}

/** The unit of `st_blocks`: inode(7). */
const SECTOR_BYTES = 512;
/** Tells repositories apart that back up the same file, for people who look at the names. */
const OWNER_DIGITS = 8;
/** `.NAME.backy-OWNER-UUID` */
const NAME = /^\..+\.backy-[0-9a-f]{8}-(.{36})$/;

/** The revision that a hidden snapshot of such a name belongs to. */
export function revisionOfSnapshot(path: string): string | undefined {
  const [, uuid = ''] = NAME.exec(basename(path)) ?? [];
  return isOwnRevisionId(uuid) ? uuid : undefined;
}

/**
 * Snapshots lie beside the file itself, wherever links to it are, because that is where its filesystem is:
 * `.NAME.backy-OWNER-UUID`, OWNER standing for the place of the repository when the snapshot was taken.
 *
 * @param left notes where they are, so that they are found when the source or the repository has moved
 */
export function fileSnapshots(
  path: string,
  repository: string,
  engine: Engine,
  left: LeftSnapshots,
): FileSnapshots {
  const place = (): Promise<Place> => placeOf(path, repository);
  const beside = async (): Promise<readonly string[]> => {
    const directory = await directoryOf(place);
    if (directory === undefined) return [];
    const names = (await readdir(directory)).filter((name) => revisionOfSnapshot(name) !== undefined);
    return names.sort().map((name) => join(directory, name));
  };
  const pathOf = async (uuid: string): Promise<string> => {
    const { file, prefix } = await place();
    const noted = notedFiles(left).find((snapshot) => snapshot.uuid === uuid);
    return (noted && locate(noted, dirname(file))) ?? join(dirname(file), prefix + uuid);
  };
  return {
    pathOf,
    note: async (uuid) => {
      const { file, prefix } = await place();
      await left.note({ type: 'file', uuid, path: join(dirname(file), prefix + uuid) });
    },
    take: async (uuid, signal) => {
      const { file, prefix } = await place();
      const snapshot = join(dirname(file), prefix + uuid);
      const { size, device, inode, birth } = await engine.takeSnapshot(
        { source: file, snapshot, repository },
        { signal },
      );
      left.amend({ type: 'file', uuid, path: snapshot, identity: { device, inode, birth } });
      return { path: snapshot, size };
    },
    ofParent: async (uuid, image) => {
      const snapshot = await pathOf(uuid);
      return image === undefined || lstatSync(snapshot, { throwIfNoEntry: false }) ? snapshot : image;
    },
    tidy: async (keep) => {
      if (!left.isComplete) await noteEarlier(place, left);
      return tidyLeftFiles(engine, left, keep, await directoryOf(place));
    },
    room: async (uuid) => {
      const { file } = await place();
      const kept = uuid === undefined ? file : await pathOf(uuid);
      const noted = new Set(left.all().map((snapshot) => snapshot.uuid));
      const others = (await beside()).filter((path) => !noted.has(revisionOfSnapshot(path) ?? ''));
      return roomOf(dirname(file), [kept, ...others]);
    },
    beside,
  };
}

/** In the worst case, every block that a snapshot has is overwritten where its disk still shares it. */
function roomOf(directory: string, paths: readonly string[]): GuestRoom | undefined {
  try {
    const files = paths.map((path) => lstatSync(path, { throwIfNoEntry: false }));
    // A block device takes no room of its own.
    if (files[0]?.isFile() !== true) return undefined;
    const unshareableBytes = files.reduce((sum, stats) => sum + (stats?.blocks ?? 0) * SECTOR_BYTES, 0);
    const { bavail, blocks, bsize } = statfsSync(directory);
    return { unshareableBytes, freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch (error) {
    throw fromNodeError(error);
  }
}

interface Place {
  /** The file itself, behind all links. */
  readonly file: string;
  /** Begins the names of new snapshots. */
  readonly prefix: string;
}

async function placeOf(path: string, repository: string): Promise<Place> {
  try {
    const file = await realpath(path);
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
      const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (uuid === undefined || !stats) continue;
      left.amend({ type: 'file', uuid, path, identity: identityOf(stats) });
    }
  } catch (error) {
    // Where the source is gone nobody can say where its snapshots were; the backup will say that it is gone.
    if (!isIoError(fromNodeError(error), 'ENOENT', 'ENOTDIR')) throw fromNodeError(error);
  }
}

/** The directory of the file; undefined when it is gone. */
async function directoryOf(place: () => Promise<Place>): Promise<string | undefined> {
  try {
    const directory = dirname((await place()).file);
    return statSync(directory).isDirectory() ? directory : undefined;
  } catch (error) {
    if (isIoError(fromNodeError(error), 'ENOENT', 'ENOTDIR')) return undefined;
    throw fromNodeError(error);
  }
}
