import type { RevisionRecord } from './revision.ts';

/** The fragmentation of an image on the disk. */
export interface Fragmentation {
  readonly extents: number;
  /** Extents per GiB of data; an image without data counts as one page. */
  readonly extentsPerGib: number;
}

const GIB = 2 ** 30;
const PAGE_BYTES = 4096;
const BLOCK_BYTES = 262_144;
/** Cloning so few extents takes no longer than starting a program. */
const FEW_EXTENTS = 1000;
/** Measured time to clone an extent on btrfs and XFS. Removal takes a third of it on btrfs and is deferred on XFS. */
const SECONDS_PER_EXTENT = 15e-6;
/** Backups write at least 64 KiB at once into a fragmented image, so a higher number has another cause. */
const MOST_EXTENTS_PER_GIB = 16_384;
/** Shorter delays go unnoticed. */
const NOTICEABLE_SECONDS = 1;

/** The fragmentation of an image according to its record; undefined if unknown. */
export function fragmentationOf({ size, stats }: RevisionRecord): Fragmentation | undefined {
  const { extents, bytesZero } = stats;
  if (extents === undefined) return undefined;
  const dataBytes = Math.max(size - bytesZero, PAGE_BYTES);
  return { extents, extentsPerGib: Math.round((extents * GIB) / dataBytes) };
}

/** Estimated time to clone an image, in seconds. */
export function cloneSeconds({ extents }: Fragmentation): number {
  return extents * SECONDS_PER_EXTENT;
}

/** Whether the fragmentation is worth a line: more extents than blocks, and not just a few. */
export function isNoteworthy({ extents, extentsPerGib }: Fragmentation): boolean {
  return extentsPerGib > GIB / BLOCK_BYTES && extents >= FEW_EXTENTS;
}

/** Whether an image is so fragmented that backups become slow, beyond what backups themselves cause. */
export function isShredded(fragmentation: Fragmentation): boolean {
  return (
    fragmentation.extentsPerGib > MOST_EXTENTS_PER_GIB && cloneSeconds(fragmentation) > NOTICEABLE_SECONDS
  );
}
