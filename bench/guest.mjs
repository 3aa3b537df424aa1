/**
 * Simulates a day of a guest as changes to its image: databases and mail stores overwrite pages
 * in a few hot places, the journal goes round, new files fill free space, some files are rewritten, some trimmed.
 */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { run } from './command.mjs';
import { mapFile } from './extents.mjs';
import { randomStream } from './random.mjs';

const PAGE = 4096;
const KIB = 1024;
const JOURNAL_BYTES = 32 * 2 ** 20;

/** @typedef {{ kind: 'write' | 'trim', offset: number, length: number }} Change */

/**
 * Changes `share` of the apparent size of the image in place. Random bytes stand for the new contents.
 * @param {{ image: string, sizeBytes: number, share: number, day?: number }} options each day has changes of its own,
 *   around the same hot places
 * @returns {Promise<readonly Change[]>}
 */
export async function changeAsGuest({ image, sizeBytes, share, day = 1 }) {
  const random = randomStream(`day ${day}`);
  const planned = planChanges(await mapFile(image, sizeBytes), sizeBytes * share, random);
  const changes = planned.filter(({ offset, length }) => offset + length <= sizeBytes);
  await applyChanges(image, changes, random);
  return changes;
}

/**
 * Makes the same changes to another image.
 * @param {string} image
 * @param {readonly Change[]} changes
 */
export async function applyChanges(image, changes, random = randomStream('the same')) {
  const fd = openSync(image, 'r+');
  for (const { kind, offset, length } of changes) {
    if (kind === 'write') writeSync(fd, random.bytes(length), 0, length, offset);
    else await run(['fallocate', '--punch-hole', '--offset', `${offset}`, '--length', `${length}`, image]);
  }
  fsyncSync(fd);
  closeSync(fd);
}

function planChanges({ data, holes }, budgetBytes, random) {
  const position = pagePicker(data, random);
  const everyDay = pagePicker(data, randomStream('every day'));
  const [journal, hotSpots] = [everyDay(), Array.from({ length: 64 }, everyDay)];
  return [
    ...hotOverwrites(budgetBytes * 0.45, hotSpots, position, random),
    ...journalAndMetadata(budgetBytes * 0.1, journal, position, random),
    ...newFiles(budgetBytes * 0.4, holes, random),
    ...inPlace('write', budgetBytes * 0.05, position, random),
    ...inPlace('trim', budgetBytes * 0.1, position, random),
  ];
}

/** Bursts of 4 to 16 KiB writes within half a MiB around a place; seven of ten bursts go to few hot places. */
function* hotOverwrites(budgetBytes, hotSpots, position, random) {
  let left = budgetBytes;
  while (left > 0) {
    const centre = random.below(10) < 7 ? hotSpots[skewed(hotSpots.length, random)] : position();
    for (let writes = 4 + random.below(44); writes > 0 && left > 0; writes -= 1) {
      const length = PAGE * random.pick([1, 1, 1, 2, 4]);
      yield { kind: 'write', offset: Math.max(0, centre + (random.below(256) - 128) * PAGE), length };
      left -= length;
    }
  }
}

/** The journal is written in a circle; each commit touches single pages of bitmaps and inode tables elsewhere. */
function* journalAndMetadata(budgetBytes, journal, position, random) {
  let head = 0;
  let left = budgetBytes;
  while (left > 0) {
    const length = PAGE * (4 + random.below(60));
    yield { kind: 'write', offset: journal + head, length };
    for (let page = 0; page < 3; page += 1) yield { kind: 'write', offset: position(), length: PAGE };
    head = (head + length) % JOURNAL_BYTES;
    left -= length + 3 * PAGE;
  }
}

/** Files of 64 KiB to 8 MiB, one after another in the largest holes. */
function* newFiles(budgetBytes, holes, random) {
  let free = [...holes].sort((a, b) => b.length - a.length).slice(0, 16);
  let left = budgetBytes;
  while (left >= PAGE && free.length > 0) {
    const hole = random.pick(free);
    const length = wholePages(Math.min(left, hole.length, KIB * random.pick([64, 128, 256, 1024, 8192])));
    yield { kind: 'write', offset: hole.offset, length };
    const rest = { offset: hole.offset + length, length: hole.length - length };
    free = [...free.filter((other) => other !== hole), ...(rest.length > 0 ? [rest] : [])];
    left -= length;
  }
}

/** Runs of 64 KiB to 1 MiB where there is data already: files rewritten, or deleted and trimmed. */
function* inPlace(kind, budgetBytes, position, random) {
  let left = budgetBytes;
  while (left > 0) {
    const length = KIB * random.pick([64, 256, 1024]);
    yield { kind, offset: position(), length };
    left -= length;
  }
}

/** A number below `limit`, small ones far more often (Pareto): 0 in four of ten, the last in one of twenty. */
function skewed(limit, random) {
  const uniform = (1 + random.below(2 ** 32)) / 2 ** 32;
  return Math.min(limit, Math.floor(uniform ** (-1 / 0.7))) - 1;
}

/** Gives offsets of data pages, each as likely as any other. */
function pagePicker(data, random) {
  let totalBytes = 0;
  const ends = data.map(({ length }) => {
    totalBytes += length;
    return totalBytes;
  });
  return () => {
    const at = random.below(totalBytes / PAGE) * PAGE;
    const run = firstAbove(ends, at);
    return data[run].offset + data[run].length - (ends[run] - at);
  };
}

/** The index of the first number that is greater than `value`, in a list that grows. */
function firstAbove(numbers, value) {
  let [low, high] = [0, numbers.length - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (numbers[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

function wholePages(bytes) {
  return Math.floor(bytes / PAGE) * PAGE;
}
