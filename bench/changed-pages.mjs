/** Counts 4 KiB pages that changed: by reading two images, or by what was done to one. */
import { closeSync, openSync, readSync } from 'node:fs';

const PAGE = 4096;
const CHUNK = 2 ** 20;
const ZEROS = Buffer.alloc(PAGE);

/**
 * Counts the pages in which two images of one size differ.
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

/**
 * @param {readonly import('./guest.mjs').Change[]} changes
 * @returns {number} bytes of the pages that were written to and not trimmed later
 */
export function writtenBytes(changes) {
  const pages = new Set();
  for (const { kind, offset, length } of changes) {
    for (let page = offset / PAGE; page < (offset + length) / PAGE; page += 1) {
      if (kind === 'write') pages.add(page);
      else pages.delete(page);
    }
  }
  return pages.size * PAGE;
}

function countPages(old, now, counts) {
  for (let start = 0; start < now.length; start += PAGE) {
    const page = now.subarray(start, start + PAGE);
    if (page.equals(old.subarray(start, start + PAGE))) continue;
    counts.changedBytes += PAGE;
    if (page.equals(ZEROS)) counts.zeroedBytes += PAGE;
  }
}
