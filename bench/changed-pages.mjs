/** Counts the 4 KiB pages in which two images of one size differ, by reading both. */
import { closeSync, openSync, readSync } from 'node:fs';

const PAGE = 4096;
const CHUNK = 2 ** 20;
const ZEROS = Buffer.alloc(PAGE);

/**
 * @param {string} before
 * @param {string} after
 * @returns {{ changedBytes: number, zeroedBytes: number }} `zeroedBytes`: those of the changed that are now zeros
 */
export function compareImages(before, after) {
  const files = [openSync(before), openSync(after)];
  const [old, now] = [Buffer.alloc(CHUNK), Buffer.alloc(CHUNK)];
  const counts = { changedBytes: 0, zeroedBytes: 0 };
  for (let offset = 0; ; offset += CHUNK) {
    const length = readSync(files[0], old, 0, CHUNK, offset);
    if (readSync(files[1], now, 0, CHUNK, offset) !== length) throw new Error('the images differ in size');
    if (length === 0) break;
    if (!old.equals(now)) countPages(old.subarray(0, length), now.subarray(0, length), counts);
  }
  files.forEach(closeSync);
  return counts;
}

function countPages(old, now, counts) {
  for (let start = 0; start < now.length; start += PAGE) {
    const page = now.subarray(start, start + PAGE);
    if (page.equals(old.subarray(start, start + PAGE))) continue;
    counts.changedBytes += PAGE;
    if (page.equals(ZEROS)) counts.zeroedBytes += PAGE;
  }
}
