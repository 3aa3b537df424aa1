import { formatSize } from './size.ts';

/** The space that guests may still need while snapshots of their disks exist. All values are in bytes. */
export interface GuestRoom {
  /** Bytes that snapshots share with disks. Overwriting them takes new space. */
  readonly unshareableBytes: number;
  /** Free space of the filesystem or thin pool. */
  readonly freeBytes: number;
  /** Total size of the filesystem, or of the data of the thin pool. */
  readonly totalBytes: number;
}

const RESERVE_PERCENT = 5;
const LARGEST_RESERVE_BYTES = 2 ** 30;

/**
 * The reserve for metadata and other files, in bytes: 5 % of the total, but at most 1 GiB.
 */
export function reserveBytes(totalBytes: number): number {
  return Math.min(Math.ceil((totalBytes * RESERVE_PERCENT) / 100), LARGEST_RESERVE_BYTES);
}

/** Whether every guest can overwrite its whole disk while the snapshots exist. */
export function hasRoom({ unshareableBytes, freeBytes, totalBytes }: GuestRoom): boolean {
  return unshareableBytes + reserveBytes(totalBytes) <= freeBytes;
}

/** The figures behind `hasRoom`, as text. */
export function describeRoom({ unshareableBytes, freeBytes, totalBytes }: GuestRoom): string {
  const [unshareable, free, reserve] = [unshareableBytes, freeBytes, reserveBytes(totalBytes)].map(
    formatSize,
  );
  return `overwriting all that is shared with snapshots takes ${unshareable}, ${free} are free, and ${reserve} of that are a reserve`;
}
