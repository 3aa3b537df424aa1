/** A hundred days: what many revisions do to time, space and extents. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ddCommand } from '../against.mjs';
import { DAYS, hundredDays } from '../days.mjs';
import { cool, interleave, measure } from '../measure.mjs';
import { median } from '../median.mjs';
import { BTRFS, XFS } from '../places.mjs';
import { backy, newestImage } from '../repository.mjs';
import { timeRow } from '../row.mjs';
import { markdownTable, table } from '../table.mjs';

export const title = 'Many revisions';
export const about = `The image changes by 1 % before each revision, and grows, as more files are written than are deleted. It is on another
filesystem and read live. The second and the last revision are medians of three neighbours. *A fresh repository* has the day before as its
first revision and then takes the same backup: what differs is due to the many revisions alone. Deleting is \`forget\` and \`purge\`.`;
export const places = [XFS, BTRFS];

const GIB = 2 ** 30;
const MIB = 2 ** 20;
const SHOWN = [1, 2, 5, 11, 25, 50, 75, DAYS];
const REMOVED = 90;
const MOST_ROUNDS = 3;

/** @typedef {import('../days.mjs').Day} Day */

/** @param {import('../main.mjs').Bench} bench */
export async function figures(bench) {
  const { scratch, announce } = bench;
  const { days, pairs } = await hundredDays(bench, join(scratch.outside, 'source.img'));
  const rows = [
    lastAgainstSecond(days),
    timeRow(`revision ${DAYS}`, 'revision 2 of a fresh repository', 1.3, pairs),
    space(days),
  ];
  for (const step of [heldUntilRemount, coldRead, removal]) {
    announce(step.name);
    rows.push(await step(bench, days));
  }
  return [story(days), table(rows.filter(Boolean))].join('\n\n');
}

function story(days) {
  const header = ['revision', 'seconds', 'data', 'extents per GiB', 'changed', 'written'];
  const shown = SHOWN.map((number) => days[number - 1]);
  const lines = shown.map(({ cost, dataBytes, extents, changedBytes }, at) => [
    `${SHOWN[at]}`,
    cost.wallS.toFixed(3),
    `${(dataBytes / GIB).toFixed(2)} GiB`,
    (extents / (dataBytes / GIB)).toFixed(0),
    `${(changedBytes / MIB).toFixed(0)} MiB`,
    `${(cost.deviceBytes / MIB).toFixed(0)} MiB`,
  ]);
  return markdownTable(header, lines);
}

function lastAgainstSecond(days) {
  const wall = (some) => median(some.map(({ cost }) => cost.wallS));
  const figure = wall(days.slice(-3)) / wall(days.slice(1, 4));
  return {
    operation: `revision ${DAYS}`,
    against: 'revision 2',
    figures: [figure],
    unit: '×',
    goal: { most: 1.3 },
  };
}

/** After ten changes. */
function space(days) {
  const [first, ...changed] = days.slice(0, 11);
  const exactBytes = changed.reduce((sum, { changedBytes }) => sum + changedBytes, first.usedBytes);
  const against = `${(exactBytes / MIB).toFixed(0)} MiB: the first, and the 4 KiB pages that changed`;
  const figures = [changed.at(-1).usedBytes / exactBytes];
  return { operation: 'space after 10 × 1 %', against, figures, unit: '×', goal: { most: 1.25 } };
}

/** Returns the space that XFS still reserves for files that were closed. */
async function heldUntilRemount({ scratch }) {
  if (scratch.place.filesystem !== 'xfs') return undefined;
  const before = await scratch.usedBytes();
  await scratch.remount();
  const figures = [(before - (await scratch.usedBytes())) / MIB];
  return {
    operation: 'left behind',
    against: 'space that a remount gives back',
    figures,
    unit: 'MiB',
    goal: { most: 1 },
  };
}

async function coldRead({ scratch, rounds, repository }) {
  const newest = newestImage(repository);
  const copy = scratch.path('copy');
  await scratch.copy(newest, copy);
  const read = (file) => async () => {
    await cool(file);
    return measure(scratch, ddCommand(file));
  };
  const pairs = await interleave(Math.min(rounds, MOST_ROUNDS), { peer: read(copy), backy: read(newest) });
  rmSync(copy);
  const row = timeRow(
    'cold read of the newest',
    'a fresh copy, times as fast; both with `dd`',
    undefined,
    pairs,
  );
  return { ...row, figures: pairs.map((pair) => pair.peer.wallS / pair.backy.wallS), goal: { least: 0.5 } };
}

async function removal({ scratch, repository }, days) {
  const oldest = days.slice(0, REMOVED);
  const extents = oldest.reduce((sum, day) => sum + day.extents, 0);
  const forget = await measure(scratch, backy('-b', repository, 'forget', '-r', `first..${DAYS - REMOVED}`));
  const purge = await measure(scratch, backy('-b', repository, 'purge'));
  const [forgetS, purgeS] = [forget, purge].map(({ wallS }) => wallS.toFixed(2));
  return {
    operation: `deleting ${REMOVED}`,
    against: `each of ${extents} extents; forget ${forgetS} s, purge ${purgeS} s`,
    figures: [((forget.wallS + purge.wallS) * 1e6) / extents],
    unit: 'µs',
    goal: { most: 5 },
  };
}
