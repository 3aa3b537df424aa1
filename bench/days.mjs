/** A hundred backups of an image that changes every day. */
import { rmSync } from 'node:fs';
import { writtenBytes } from './changed-pages.mjs';
import { mapFile } from './extents.mjs';
import { changeAsGuest } from './guest.mjs';
import { measure, warm } from './measure.mjs';
import { backUp, backupCommand, freshLiveRepository, newestImage, requireEqual } from './repository.mjs';

export const DAYS = 100;
const COMPARED = 3;

/**
 * @typedef {object} Day
 * @property {import('./measure.mjs').Cost} cost of the backup
 * @property {number} extents of the image
 * @property {number} dataBytes of the image
 * @property {number} changedBytes in the pages that the guest wrote
 * @property {number} usedBytes of the filesystem since before the first backup
 */

/**
 * @param {import('./main.mjs').Bench} bench
 * @param {string} source a free path on another filesystem
 * @returns {Promise<{ days: readonly Day[], pairs: readonly import('./row.mjs').Pair[] }>} the last days also as pairs
 *   with the same backup as second one of a fresh repository
 */
export async function hundredDays({ scratch, image, sizeBytes, repository, announce }, source) {
  await scratch.copy(image, source);
  await freshLiveRepository(repository, source);
  const emptyBytes = await scratch.usedBytes();
  const days = [];
  const pairs = [];
  for (let day = 1; day <= DAYS; day += 1) {
    if (day % 10 === 0) announce(`revision ${day}`);
    const fresh = scratch.path('fresh');
    const isCompared = day > DAYS - COMPARED;
    if (isCompared) {
      await freshLiveRepository(fresh, source);
      await backUp(fresh, source);
    }
    const changes = day === 1 ? [] : await changeAsGuest({ image: source, sizeBytes, share: 0.01, day });
    await warm(source);
    const peer = isCompared ? await measure(scratch, backupCommand(fresh)) : undefined;
    rmSync(fresh, { recursive: true, force: true });
    const cost = await measure(scratch, backupCommand(repository));
    if (peer) pairs.push({ peer, backy: cost });
    const { data } = await mapFile(newestImage(repository), sizeBytes);
    days.push({
      cost,
      extents: data.length,
      dataBytes: data.reduce((sum, { length }) => sum + length, 0),
      changedBytes: writtenBytes(changes),
      usedBytes: (await scratch.usedBytes()) - emptyBytes,
    });
  }
  await requireEqual(source, newestImage(repository));
  rmSync(source);
  return { days, pairs };
}
