import { type BigIntStats, lstatSync, readdirSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type FileIdentity, isSameFile } from '../domain/file-identity.ts';
import type { LeftFile } from '../domain/left-snapshot.ts';
import { fromNodeError, ifPresentSync } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { type FilePlace, isSourceGone } from './file-place.ts';
import type { LeftSnapshots } from './left-snapshots.ts';
import { fileOfSnapshot, revisionOfSnapshot } from './snapshot-files.ts';

/** Error numbers of a path that does not exist, or that only its owner may look at. */
const ABSENT = ['ENOENT', 'ENOTDIR', 'EACCES'];

/** The directories that noted snapshots of files belong to. */
export interface Surroundings {
  /** The directory of the repository. */
  readonly repository: string;
  /** Current directory of the source. Snapshots may have moved there with it. */
  readonly directory: string | undefined;
}

/**
 * Removes all noted snapshots of files except that of the revision `keep`, which is removed only if it is an image
 * as well. A file is removed only if it is provably the noted one.
 *
 * @returns the paths of the removed snapshots
 * @throws BACKY_IO after all other snapshots have been processed
 */
export async function retireLeftFiles(
  engine: Engine,
  left: LeftSnapshots,
  keep: string | undefined,
  { repository, directory }: Surroundings,
): Promise<readonly string[]> {
  const removed: string[] = [];
  const failures: unknown[] = [];
  for (const snapshot of notedFiles(left)) {
    try {
      const path = locate(snapshot, directory);
      if (path === undefined) {
        if (isGone(snapshot, directory)) left.drop(snapshot.uuid);
      } else if (snapshot.uuid !== keep || isImage(path)) {
        const { uuid, identity } = snapshot;
        // A file that only looks like the snapshot stays, and its note is dropped.
        if (await engine.removeSnapshot({ path, name: uuid, repository, ...(identity ? { identity } : {}) }))
          removed.push(path);
        left.drop(uuid);
      }
    } catch (error) {
      failures.push(fromNodeError(error));
    }
  }
  if (failures.length > 0) throw failures[0];
  return removed.sort();
}

/**
 * Finds a noted snapshot at its path or, after a move of the source, in the source's current directory. There it
 * may also have the name of another snapshot, if somebody renamed it.
 *
 * @param directory current directory of the source
 * @throws the errors of Node
 */
export function locate(snapshot: LeftFile, directory: string | undefined): string | undefined {
  const places = [...new Set([dirname(snapshot.path), ...(directory === undefined ? [] : [directory])])];
  const expected = places.map((place) => join(place, basename(snapshot.path)));
  return (
    expected.find((path) => isAt(path, snapshot)) ??
    places.flatMap(snapshotsIn).find((path) => isAt(path, snapshot)) ??
    expected.find((path) => isUnfinished(path, snapshot))
  );
}

/** Returns the noted snapshots of files. */
export function notedFiles(left: LeftSnapshots): readonly LeftFile[] {
  return left.all().filter((snapshot) => snapshot.type === 'file');
}

/** Notes the snapshots of earlier versions, which kept no list. @throws BACKY_IO */
export async function noteEarlier(place: () => Promise<FilePlace>, left: LeftSnapshots): Promise<void> {
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
    // The place of the snapshots is unknown without the source. The backup itself reports that the source is gone.
    if (!isSourceGone(error)) throw fromNodeError(error);
  }
}

/** Returns the identity of a file. */
export function identityOf({ dev, ino, birthtimeNs }: BigIntStats): FileIdentity {
  return { device: String(dev), inode: String(ino), birth: String(birthtimeNs) };
}

function isAt(path: string, { uuid, identity }: LeftFile): boolean {
  const place = look(path);
  const file = place?.isDirectory() ? look(join(path, uuid)) : place;
  if (file?.isFile() !== true) return false;
  // A killed run has noted no identity. The name within the private directory is proof enough.
  return identity ? isSameFile(identityOf(file), identity) : place?.isDirectory() === true;
}

/** Returns whether a run was killed while it created or removed the snapshot. */
function isUnfinished(path: string, { uuid, identity }: LeftFile): boolean {
  const place = look(path);
  if (place?.isDirectory()) return look(join(path, uuid)) === undefined;
  // Earlier versions created the file directly, under a name that no other run ever used.
  return place?.isFile() === true && identity === undefined;
}

function look(path: string): BigIntStats | undefined {
  return ifPresentSync(() => lstatSync(path, { bigint: true }), ABSENT);
}

function snapshotsIn(directory: string): readonly string[] {
  const names = ifPresentSync(() => readdirSync(directory), ABSENT) ?? [];
  return names.filter((name) => revisionOfSnapshot(name) !== undefined).map((name) => join(directory, name));
}

/** Returns whether a missing snapshot is gone for good. Its filesystem may just not be mounted. */
function isGone({ path, identity }: LeftFile, directory: string | undefined): boolean {
  if (identity === undefined || dirname(path) === directory) return true;
  const stats = statSync(dirname(path), { bigint: true, throwIfNoEntry: false });
  return stats !== undefined && String(stats.dev) === identity.device;
}

/** Returns whether a snapshot of an earlier version is an image as well, which only a second name shows. */
function isImage(snapshot: string): boolean {
  const stats = lstatSync(snapshot, { throwIfNoEntry: false });
  return stats?.isFile() === true && stats.nlink > 1;
}
