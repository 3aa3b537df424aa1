import { type BigIntStats, lstatSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type FileIdentity, isSameFile } from '../domain/file-identity.ts';
import type { LeftFile } from '../domain/left-snapshot.ts';
import { fromNodeError, ifPresentSync } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import type { LeftSnapshots } from './left-snapshots.ts';
import { revisionOfSnapshot } from './snapshot-files.ts';

/** Error numbers of a path that does not exist, or that only its owner may look at. */
const ABSENT = ['ENOENT', 'ENOTDIR', 'EACCES'];

/** Where the noted snapshots of files belong. */
export interface Surroundings {
  /** The directory of the repository. */
  readonly repository: string;
  /** Where the source is now; a snapshot may have moved there along with it. */
  readonly directory: string | undefined;
}

/**
 * Removes the noted snapshots of files that serve no more: all but that of the revision `keep`, and that too if it has
 * become an image. Only a file that is demonstrably the noted one goes.
 *
 * @returns the paths of what was removed
 * @throws BACKY_IO after all others have been seen to
 */
export async function retireLeftFiles(
  engine: Engine,
  left: LeftSnapshots,
  keep: string | undefined,
  { repository, directory }: Surroundings,
): Promise<readonly string[]> {
  const removed: string[] = [];
  const failures: unknown[] = [];
  for (const snapshot of left.all().filter((each) => each.type === 'file')) {
    try {
      const path = locate(snapshot, directory);
      if (path === undefined) {
        if (isGone(snapshot, directory)) left.drop(snapshot.uuid);
      } else if (snapshot.uuid !== keep || isImage(path)) {
        const { uuid, identity } = snapshot;
        // What only looks like it, and is not ours, stays and is forgotten.
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
 * Where a noted snapshot is: at its path, or beside the source if it has moved along with that, or under the name of
 * another snapshot in one of these places, if somebody renamed it.
 *
 * @param directory of the source
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

/** What tells a file from every other one. */
export function identityOf({ dev, ino, birthtimeNs }: BigIntStats): FileIdentity {
  return { device: String(dev), inode: String(ino), birth: String(birthtimeNs) };
}

function isAt(path: string, { uuid, identity }: LeftFile): boolean {
  const place = look(path);
  const file = place?.isDirectory() ? look(join(path, uuid)) : place;
  if (file?.isFile() !== true) return false;
  // A run that was killed knew no more than the name in the directory, which nobody else can give to another file.
  return identity ? isSameFile(identityOf(file), identity) : place?.isDirectory() === true;
}

/** Whether a run was cut off that made a snapshot, or removed it. */
function isUnfinished(path: string, { uuid, identity }: LeftFile): boolean {
  const place = look(path);
  if (place?.isDirectory()) return look(join(path, uuid)) === undefined;
  // Earlier versions knew it by its own name then, which no other run has ever used.
  return place?.isFile() === true && identity === undefined;
}

function look(path: string): BigIntStats | undefined {
  return ifPresentSync(() => lstatSync(path, { bigint: true }), ABSENT);
}

function snapshotsIn(directory: string): readonly string[] {
  const names = ifPresentSync(() => readdirSync(directory), ABSENT) ?? [];
  return names.filter((name) => revisionOfSnapshot(name) !== undefined).map((name) => join(directory, name));
}

/** Whether a snapshot that is not there is gone for good. Its filesystem may only not be mounted at the moment. */
function isGone({ path, identity }: LeftFile, directory: string | undefined): boolean {
  if (identity === undefined || dirname(path) === directory) return true;
  const stats = statSync(dirname(path), { bigint: true, throwIfNoEntry: false });
  return stats !== undefined && String(stats.dev) === identity.device;
}

/** Whether a snapshot of an earlier version has a second name, which only an image has. */
function isImage(snapshot: string): boolean {
  const stats = lstatSync(snapshot, { throwIfNoEntry: false });
  return stats?.isFile() === true && stats.nlink > 1;
}
