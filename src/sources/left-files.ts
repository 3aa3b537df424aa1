import { type BigIntStats, lstatSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type FileIdentity, isSameFile, type LeftFile } from '../domain/left-snapshot.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import type { LeftSnapshots } from './left-snapshots.ts';

/**
 * Removes the noted snapshots of files that serve no more: all but that of the revision `keep`, and that too if it has
 * become an image. Only a file of the noted name that is demonstrably the noted one goes.
 *
 * @param directory where the source is now; a snapshot may have moved there along with it
 * @returns the paths of what was removed
 * @throws BACKY_IO after all others have been seen to
 */
export async function tidyLeftFiles(
  engine: Engine,
  left: LeftSnapshots,
  keep: string | undefined,
  directory: string | undefined,
): Promise<readonly string[]> {
  const removed: string[] = [];
  const failures: unknown[] = [];
  for (const snapshot of left.all().filter((each) => each.type === 'file')) {
    try {
      const path = locate(snapshot, directory);
      if (path === undefined) {
        if (isGone(snapshot, directory)) left.drop(snapshot.uuid);
      } else if (snapshot.uuid !== keep || isImage(path)) {
        await engine.removeFiles([path]);
        removed.push(path);
        left.drop(snapshot.uuid);
      }
    } catch (error) {
      failures.push(fromNodeError(error));
    }
  }
  if (failures.length > 0) throw failures[0];
  return removed.sort();
}

/**
 * Where a noted snapshot is: at its path, or beside the source if it has moved along with that.
 *
 * @param directory of the source
 * @throws the errors of Node
 */
export function locate(snapshot: LeftFile, directory: string | undefined): string | undefined {
  const elsewhere = directory === undefined ? [] : [join(directory, basename(snapshot.path))];
  return [snapshot.path, ...elsewhere].find((path) => isAt(path, snapshot));
}

/** What tells a file from every other one. */
export function identityOf({ dev, ino, birthtimeNs }: BigIntStats): FileIdentity {
  return { device: String(dev), inode: String(ino), birth: String(birthtimeNs) };
}

function isAt(path: string, { identity }: LeftFile): boolean {
  try {
    const stats = lstatSync(path, { bigint: true });
    if (!stats.isFile()) return false;
    // Noted by a run that was killed before it knew more than the name, which no other run has ever used.
    if (identity === undefined) return true;
    return isSameFile(identityOf(stats), identity);
  } catch (error) {
    if (isNodeError(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/** Whether a snapshot that is not there is gone for good. Its filesystem may only not be mounted at the moment. */
function isGone({ path, identity }: LeftFile, directory: string | undefined): boolean {
  if (identity === undefined || dirname(path) === directory) return true;
  const stats = statSync(dirname(path), { bigint: true, throwIfNoEntry: false });
  return stats !== undefined && String(stats.dev) === identity.device;
}

/** Whether a snapshot has a second name, which only an image has. */
function isImage(snapshot: string): boolean {
  return (lstatSync(snapshot, { throwIfNoEntry: false })?.nlink ?? 0) > 1;
}
