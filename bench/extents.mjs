/** Reads the extent map of a file: its places on the disk and their number. */
import { run } from './command.mjs';

const PAGE = 4096;

/** @typedef {{ offset: number, length: number }} Run a run of bytes, page-aligned */

/**
 * @param {string} file
 * @param {number} sizeBytes of the file
 * @returns {Promise<{ data: readonly Run[], holes: readonly Run[] }>} data has a run for each extent
 */
export async function mapFile(file, sizeBytes) {
  const listing = await run(['filefrag', '-s', '-v', `-b${PAGE}`, file]);
  const data = [];
  const holes = [];
  let end = 0;
  for (const [, first, last] of listing.matchAll(/^ *\d+: +(\d+)\.\. *(\d+):/gm)) {
    const offset = Number(first) * PAGE;
    if (offset > end) holes.push({ offset: end, length: offset - end });
    end = Math.min((Number(last) + 1) * PAGE, sizeBytes);
    data.push({ offset, length: end - offset });
  }
  if (end < sizeBytes) holes.push({ offset: end, length: sizeBytes - end });
  return { data, holes };
}

/** Counts the extents of a file. */
export async function countExtents(file) {
  const { data } = await mapFile(file, Number.MAX_SAFE_INTEGER);
  return data.length;
}
