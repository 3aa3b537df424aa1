import { lstatSync, type Stats, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { GuestRoom } from '../domain/guest-room.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';
import { fileOfSnapshot, revisionOfSnapshot } from './snapshot-files.ts';

/** Unit of `st_blocks`: inode(7). */
const SECTOR_BYTES = 512;

/**
 * Calculates the space that guests may need while snapshots exist beside a source. In the worst case, a guest
 * overwrites every block that its disk shares with a snapshot.
 *
 * @param file path of the source
 * @param kept path of the snapshot that stays
 * @param others snapshots of other repositories; one without access counts as much as the source
 * @returns undefined unless `kept` is a file, because other snapshots use no space there
 * @throws BACKY_IO
 */
export function roomBeside(file: string, kept: string, others: readonly string[]): GuestRoom | undefined {
  try {
    const snapshot = lstatSync(kept, { throwIfNoEntry: false });
    if (snapshot?.isFile() !== true) return undefined;
    const sizes = others.map((path) => bytesOf(statsOfSnapshot(path, file)));
    const unshareableBytes = sizes.reduce((sum, bytes) => sum + bytes, bytesOf(snapshot));
    const { bavail, blocks, bsize } = statfsSync(dirname(file));
    return { unshareableBytes, freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch (error) {
    throw fromNodeError(error);
  }
}

function statsOfSnapshot(path: string, file: string): Stats | undefined {
  try {
    return lstatSync(fileOfSnapshot(path, revisionOfSnapshot(path) ?? ''), { throwIfNoEntry: false });
  } catch (error) {
    if (isNodeError(error, 'EACCES', 'EPERM')) return lstatSync(file);
    if (isNodeError(error, 'ENOTDIR', 'ENOENT')) return undefined;
    throw error;
  }
}

function bytesOf(stats: Stats | undefined): number {
  return (stats?.blocks ?? 0) * SECTOR_BYTES;
}
