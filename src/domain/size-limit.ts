import { backyError } from '../errors.ts';
import { formatSize } from './size.ts';

/** The default limit: 1 PiB, in bytes. */
export const DEFAULT_SIZE_LIMIT: number = 2 ** 50;

/** The largest limit, in bytes. An index cannot count further. */
export const LARGEST_SIZE_LIMIT: number = Number.MAX_SAFE_INTEGER;

/**
 * Refuses an implausibly large source or image. Whoever owns a disk can give it any size at no cost.
 *
 * @param name name of the source, or path of the image
 * @param size bytes
 * @param limit bytes
 * @throws BACKY_TOO_LARGE
 */
export function checkSizeLimit(name: string, size: number, limit: number): void {
  if (size <= limit) return;
  throw backyError('BACKY_TOO_LARGE', { path: name, size: formatSize(size), limit: formatSize(limit) });
}
