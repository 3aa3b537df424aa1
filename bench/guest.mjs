/**
 * What a guest does to its disk in a day, as changes to the image: databases and mail stores overwrite pages
 * in a few hot places, the journal goes round, new files fill free space, some files are rewritten, some trimmed.
 */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { run } from './command.mjs';
import { randomStream } from './random.mjs';

const PAGE = 4096;
const KIB = 1024;
const JOURNAL_BYTES = 32 * 2 ** 20;

/** @typedef {{ kind: 'write' | 'trim', offset: number, length: number }} Change */
/** @typedef {{ offset: number, length: number }} Run a run of bytes, page-aligned */

/**
 * Changes `share` of the apparent size of the image in place. Random bytes stand for the new contents.
 * @param {{ image: string, sizeBytes: number, share: number }} options
 * @returns {Promise<readonly Change[]>}
 */
export async function changeAsGuest({ image, sizeBytes, share }) {
  const random = randomStream('guest');
  const planned = planChanges(await mapImage(image, sizeBytes), sizeBytes * share, random);
  const changes = planned.filter(({ offset, length }) => offset + length <= sizeBytes);
  const fd = openSync(image, 'r+');
  for (const { kind, offset, length } of changes) {
    if (kind === 'write') writeSync(fd, random.bytes(length), 0, length, offset);
    else await run(['fallocate', '--punch-hole', '--offset', `${offset}`, '--length', `${length}`, image]);
  }
  fsyncSync(fd);
  closeSync(fd);
  return changes;
}

function planChanges({ data, holes }, budgetBytes, random) {
  const position = pagePicker(data, random);
  return [
    ...hotOverwrites(budgetBytes * 0.45, position, random),
    ...journalAndMetadata(budgetBytes * 0.1, position, random),
    ...newFiles(budgetBytes * 0.4, holes, random),
    ...inPlace('write', budgetBytes * 0.05, position, random),
    ...inPlace('trim', budgetBytes * 0.1, position, random),
  ];
}

/** Bursts of 4 to 16 KiB writes within half a MiB around a place; seven of ten bursts go to few hot places. */
function* hotOverwrites(budgetBytes, position, random) {
  const hotSpots = Array.from({ length: 64 }, position);
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
function* journalAndMetadata(budgetBytes, position, random) {
  const journal = position();
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
  const totalBytes = data.reduce((sum, run) => sum + run.length, 0);
  return () => {
    let rest = random.below(totalBytes / PAGE) * PAGE;
    const run = data.find(({ length }) => {
      if (rest < length) return true;
      rest -= length;
      return false;
    });
    return run.offset + rest;
  };
}

/** @returns {Promise<{ data: Run[], holes: Run[] }>} allocated and unallocated runs of the image file */
async function mapImage(image, sizeBytes) {
  const listing = await run(['filefrag', '-s', '-v', `-b${PAGE}`, image]);
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

function wholePages(bytes) {
  return Math.floor(bytes / PAGE) * PAGE;
}
