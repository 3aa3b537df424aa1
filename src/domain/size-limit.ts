import { backyError } from '../errors.ts';
import { formatSize } from './size.ts';

/** The limit of a configuration that names none: 1 PiB. */
export const DEFAULT_SIZE_LIMIT: number = 2 ** 50;

/** An index counts no further. */
export const LARGEST_SIZE_LIMIT: number = Number.MAX_SAFE_INTEGER;

/**
 * Refuses a source or an image that nobody expects to be so large: whoever owns a disk can make it any size at no cost.
 *
 * @param name of the source, or path of the image
 * @param size bytes
 * @param limit bytes
 * @throws BACKY_TOO_LARGE
 */
export function checkSizeLimit(name: string, size: number, limit: number): void {
  if (size <= limit) return;
  throw backyError('BACKY_TOO_LARGE', { path: name, size: formatSize(size), limit: formatSize(limit) });
}
