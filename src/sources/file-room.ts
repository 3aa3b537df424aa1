import { lstatSync, type Stats, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { GuestRoom } from '../domain/guest-room.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';
import { fileOfSnapshot, revisionOfSnapshot } from './snapshot-files.ts';

/** The unit of `st_blocks`: inode(7). */
const SECTOR_BYTES = 512;

/**
 * What guests may need while snapshots are kept beside a source. In the worst case, every block that a snapshot has is
 * overwritten where its disk still shares it.
 *
 * @param file the source
 * @param kept the snapshot that stays
 * @param others snapshots of other repositories; one that we may not look at counts as much as the source
 * @returns undefined when there is no file to keep; a block device takes no room of its own
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
