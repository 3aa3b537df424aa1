import { formatSize } from './size.ts';

/** What a guest may still need of the place where its disk lies, as long as snapshots of it are kept. Bytes. */
export interface GuestRoom {
  /** What snapshots share with disks: each of these bytes takes new space when its guest overwrites it. */
  readonly unshareableBytes: number;
  /** What is free there. */
  readonly freeBytes: number;
  /** The size of the whole place: a filesystem, or the data of a thin pool. */
  readonly totalBytes: number;
}

const RESERVE_PERCENT = 5;
const LARGEST_RESERVE_BYTES = 2 ** 30;

/**
 * What stays free for everything else there: 5 % of the place, which is what a filesystem needs for its own records and
 * its other files meanwhile, but 1 GiB at most.
 */
export function reserveBytes(totalBytes: number): number {
  return Math.min(Math.ceil((totalBytes * RESERVE_PERCENT) / 100), LARGEST_RESERVE_BYTES);
}

/** Whether every guest may overwrite all of its disk while the snapshots are kept. */
export function hasRoom({ unshareableBytes, freeBytes, totalBytes }: GuestRoom): boolean {
  return unshareableBytes + reserveBytes(totalBytes) <= freeBytes;
}

/** The figures behind `hasRoom`, for people. */
export function describeRoom({ unshareableBytes, freeBytes, totalBytes }: GuestRoom): string {
  const [unshareable, free, reserve] = [unshareableBytes, freeBytes, reserveBytes(totalBytes)].map(
    formatSize,
  );
  return `overwriting all that is shared with snapshots takes ${unshareable}, ${free} are free, and ${reserve} of that are a reserve`;
}
