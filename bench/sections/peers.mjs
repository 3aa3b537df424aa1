/** Other programs that back up disk images: the same steps by all of them, in turns. */
import { run } from '../command.mjs';
import { changeAsGuest } from '../guest.mjs';
import { touchMemory, warm } from '../measure.mjs';
import { median } from '../median.mjs';
import { isInstalled, setUp } from '../peer.mjs';
import { TOOLS } from '../peer-tools.mjs';
import { XFS } from '../places.mjs';
import { fasterRow } from '../row.mjs';
import { markdownTable, table } from '../table.mjs';

export const title = 'Peers';
export const about = `All tools work on one warm image, on one filesystem. The first backup and restoring are done once, the rest up to three
times; before each round of the third step the image changes by 1 %. Borg and restic would leave out a file that was not touched, which a disk
never is, so they read it, as backy does. They compress and find duplicates, which backy does not: they write less. Each figure is
wall time / CPU time, and what was written.`;
export const places = [XFS];

const MIB = 2 ** 20;
const MOST_ROUNDS = 3;

/** @type {readonly { step: import('../peer.mjs').Step, heading: string, most: number }[]} */
const STEPS = [
  { step: 'first', heading: 'first', most: 1 },
  { step: 'same', heading: 'nothing changed', most: MOST_ROUNDS },
  { step: 'changed', heading: '1 % changed', most: MOST_ROUNDS },
  { step: 'restore', heading: 'restore', most: 1 },
  { step: 'verify', heading: 'verify', most: MOST_ROUNDS },
];
/** The factor by which backy must be faster. */
const GOALS = { borgFixed: 8, borgBuzhash: 8, restic: 10 };

/** @param {import('../main.mjs').Bench} bench */
export async function figures({ scratch, image: standard, sizeBytes, dataBytes, rounds, announce }) {
  const image = scratch.path('changing.img');
  await scratch.copy(standard, image);
  const peers = {};
  const absent = [];
  for (const [key, tool] of Object.entries(TOOLS)) {
    if (await isInstalled(tool)) peers[key] = await setUp(scratch, image, key, tool);
    else absent.push(tool);
  }
  /** @type {Record<string, Record<string, import('../measure.mjs').Cost>[]>} by step, round and tool */
  const costs = {};
  for (const { step, heading, most } of STEPS) {
    announce(heading);
    costs[step] = [];
    for (let round = 1; round <= Math.min(rounds, most); round += 1) {
      if (step === 'changed') await changeAsGuest({ image, sizeBytes, share: 0.01, day: round });
      await run(['touch', image]);
      await warm(image);
      // Only these two fill much memory.
      const prepare = step === 'first' || step === 'restore' ? () => touchMemory(dataBytes) : () => {};
      costs[step].push(await inTurns(peers, step, prepare));
    }
  }
  const lines = absent.map(
    (tool) => `${tool.name} was not there to be measured: apt-get install ${tool.package}`,
  );
  return [overview(costs), ...lines, table(goalRows(costs))].join('\n\n');
}

async function inTurns(peers, step, prepare) {
  const costs = {};
  for (const [key, peer] of Object.entries(peers)) {
    await prepare();
    costs[key] = await peer.take(step);
  }
  return costs;
}

/** All tools and all steps. */
function overview(costs) {
  const header = ['', ...STEPS.map(({ heading }) => heading), 'memory'];
  const lines = Object.entries(TOOLS).map(([key, tool]) => {
    const of = (step) => costs[step].flatMap((round) => round[key] ?? []);
    const all = STEPS.flatMap(({ step }) => of(step));
    const peakMiB = Math.max(...all.map((cost) => cost.peakMiB));
    return all.length === 0
      ? undefined
      : [tool.name, ...STEPS.map(({ step }) => cell(of(step))), `${peakMiB.toFixed(0)} MiB`];
  });
  return markdownTable(header, lines.filter(Boolean));
}

function cell(costs) {
  if (costs.length === 0) return '';
  const [wall, cpu, written] = ['wallS', 'cpuS', 'deviceBytes'].map((key) =>
    median(costs.map((cost) => cost[key])),
  );
  return `${wall.toFixed(2)} / ${cpu.toFixed(2)} s, ${(written / MIB).toFixed(0)} MiB`;
}

function goalRows(costs) {
  const rows = [];
  for (const { step, heading } of STEPS.filter(({ step }) => step === 'same' || step === 'changed')) {
    for (const [key, least] of Object.entries(GOALS)) {
      const pairs = costs[step]
        .filter((round) => round[key])
        .map((round) => ({ backy: round.live, peer: round[key] }));
      const against = `${TOOLS[key].name}: times as fast`;
      if (pairs.length > 0) rows.push(fasterRow(`${heading}, live`, against, least, pairs));
    }
  }
  return rows;
}
