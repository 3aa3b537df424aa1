import type { RevisionRecord } from './revision.ts';

/** In how many pieces an image lies on the disk. */
export interface Fragmentation {
  readonly extents: number;
  /** For each GiB of data; an image without data counts as one of the smallest. */
  readonly extentsPerGib: number;
}

const GIB = 2 ** 30;
const PAGE_BYTES = 4096;
const BLOCK_BYTES = 262_144;
/** To clone these takes no longer than to start a program. */
const FEW_EXTENTS = 1000;
/** What btrfs and XFS take to clone an extent, measured. To remove it, btrfs takes a third of that; XFS does it later. */
const SECONDS_PER_EXTENT = 15e-6;
/** Changes are written in pieces of at least 64 KiB where an image lies in many: more than this had another cause. */
const MOST_EXTENTS_PER_GIB = 16_384;
/** Shorter than this, nobody waits. */
const NOTICEABLE_SECONDS = 1;

/** What is known of an image from its record; undefined: nothing. */
export function fragmentationOf({ size, stats }: RevisionRecord): Fragmentation | undefined {
  const { extents, bytesZero } = stats;
  if (extents === undefined) return undefined;
  const dataBytes = Math.max(size - bytesZero, PAGE_BYTES);
  return { extents, extentsPerGib: Math.round((extents * GIB) / dataBytes) };
}

/** About how many seconds the next backup takes to clone an image. */
export function cloneSeconds({ extents }: Fragmentation): number {
  return extents * SECONDS_PER_EXTENT;
}

/** Whether it is worth a line: an image in more pieces than it has blocks, of which there are not just a few. */
export function isNoteworthy({ extents, extentsPerGib }: Fragmentation): boolean {
  return extentsPerGib > GIB / BLOCK_BYTES && extents >= FEW_EXTENTS;
}

/** Whether an image lies in so many pieces that it slows backups down, and more than writing changes explains. */
export function isShredded(fragmentation: Fragmentation): boolean {
  return (
    fragmentation.extentsPerGib > MOST_EXTENTS_PER_GIB && cloneSeconds(fragmentation) > NOTICEABLE_SECONDS
  );
}
