import { mustRun } from './command.ts';

/** A stretch of a file that lies in one piece on the disk. Bytes. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
  /** Offset on the disk. */
  readonly physical: number;
  /** Whether another file has the same blocks. */
  readonly shared: boolean;
}

const EXTENT = /^\s*\d+:\s*(\d+)\.\.\s*\d+:\s*(\d+)\.\.\s*\d+:\s*(\d+):.*?([a-z_,]*)$/;

/** Reads the extent map of a file (FIEMAP), after the filesystem has written everything. */
export async function extentsOf(path: string): Promise<readonly Extent[]> {
  const listing = await mustRun('filefrag', ['-s', '-v', '-b1', path]);
  return listing.split('\n').flatMap((line) => {
    const [, offset, physical, length, flags] = EXTENT.exec(line) ?? [];
    if (flags === undefined) return [];
    return {
      offset: Number(offset),
      physical: Number(physical),
      length: Number(length),
      shared: flags.split(',').includes('shared'),
    };
  });
}

/** Bytes of a file whose blocks belong to it alone. */
export function ownBytes(extents: readonly Extent[]): number {
  return sum(extents.filter(({ shared }) => !shared));
}

/** Bytes of a file that have blocks, its own or shared ones. */
export function mappedBytes(extents: readonly Extent[]): number {
  return sum(extents);
}

function sum(extents: readonly Extent[]): number {
  return extents.reduce((total, { length }) => total + length, 0);
}
