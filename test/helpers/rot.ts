import { closeSync, openSync, readSync } from 'node:fs';
import { MIB, writeAt } from './bytes.ts';
import { mustRun } from './command.ts';
import { dropCacheOf } from './failing-device.ts';
import type { LoopFilesystem } from './loop-filesystem.ts';

/** Bytes of a disk that are searched at a time. */
const PIECE_BYTES = 8 * MIB;

/**
 * Lets a disk rot under its filesystem: flips one bit of each place that has these bytes, whatever files it belongs to,
 * and lets the next read of the files ask the disk.
 *
 * @returns how many places there were
 */
export async function rotOnDisk(
  { disk, directory }: Pick<LoopFilesystem, 'disk' | 'directory'>,
  bytes: Buffer,
  files: readonly string[],
): Promise<number> {
  await mustRun('sync', ['--file-system', directory]);
  const places = find(disk, bytes);
  for (const place of places) {
    const rotten = Buffer.of(bytes.readUInt8(0) ^ 1);
    writeAt(disk, place, rotten);
  }
  for (const file of files) await dropCacheOf(file);
  return places.length;
}

function find(path: string, bytes: Buffer): readonly number[] {
  const file = openSync(path, 'r');
  try {
    const places: number[] = [];
    const piece = Buffer.alloc(PIECE_BYTES + bytes.length);
    for (let start = 0; ; start += PIECE_BYTES) {
      const length = readSync(file, piece, 0, piece.length, start);
      const found = piece.subarray(0, length);
      for (let at = found.indexOf(bytes); at >= 0 && at < PIECE_BYTES; at = found.indexOf(bytes, at + 1)) {
        places.push(start + at);
      }
      if (length < piece.length) return places;
    }
  } finally {
    closeSync(file);
  }
}
