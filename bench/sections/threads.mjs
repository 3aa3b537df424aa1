/** Measures the gain of more threads, and the memory of a backup. */
import { writeFileSync } from 'node:fs';
import { interleave, measure, warm } from '../measure.mjs';
import { XFS } from '../places.mjs';
import { randomStream } from '../random.mjs';
import { andBack, backUp, backupCommand, freshLiveRepository } from '../repository.mjs';
import { memoryRow, timeRow } from '../row.mjs';
import { table } from '../table.mjs';

export const title = 'Threads and memory';
export const about = `Nothing changed, live. *Of the engine* means above the same run for an image of 256 KiB, which is the start of
Node, locks, records and \`fsync\`. By default there are two threads for each processor, at most 8.`;
export const places = [XFS];

const TINY_BYTES = 256 * 1024;
const THREADS = [1, 2, 4, 8];
// Never slower, but for what two runs of the same thing differ.
const SAME = 1.05;
const MEMORY_GOAL_MIB = 96;

/** @param {import('../main.mjs').Bench} bench */
export async function figures({ scratch, image, rounds, repository }) {
  const tiny = await tinyRepository(scratch);
  await freshLiveRepository(repository, image);
  await backUp(repository, image);
  await warm(image);
  const backup = (of, count) => () =>
    andBack(of, () => measure(scratch, ['env', `BACKY_THREADS=${count}`, ...backupCommand(of)]));
  const costs = await interleave(rounds, {
    tiny: backup(tiny, 1),
    ...Object.fromEntries(THREADS.map((count) => [count, backup(repository, count)])),
  });
  const all = costs.flatMap((round) => THREADS.map((count) => round[count]));
  return table([
    engineOnTwo(costs),
    slower(costs, 4),
    slower(costs, 8),
    ...THREADS.map((count) => engineMemory(costs, count)),
    memoryRow('memory of the process', 'its peak', MEMORY_GOAL_MIB, all),
  ]);
}

/** Random bytes, so no part of the file is taken for a hole. */
async function tinyRepository(scratch) {
  const [image, repository] = [scratch.path('tiny.img'), scratch.path('tiny')];
  writeFileSync(image, randomStream('tiny').bytes(TINY_BYTES));
  await freshLiveRepository(repository, image);
  await backUp(repository, image);
  return repository;
}

function engineOnTwo(costs) {
  const engineS = (round, count) => round[count].wallS - round.tiny.wallS;
  const pairs = costs.map((round) => ({ peer: round[1], backy: round[2] }));
  const row = timeRow('2 threads, of the engine', '1 thread, how many times as fast', undefined, pairs);
  const figures = costs.map((round) => engineS(round, 1) / engineS(round, 2));
  return { ...row, figures, goal: { least: 1.8 } };
}

function slower(costs, count) {
  const pairs = costs.map((round) => ({ peer: round[2], backy: round[count] }));
  return timeRow(`${count} threads`, '2 threads', SAME, pairs);
}

/** The goal is 16 MiB, and 4 MiB for each thread. */
function engineMemory(costs, count) {
  return {
    operation: `memory of the engine, ${count} thread${count === 1 ? '' : 's'}`,
    against: 'peak above that for an image of 256 KiB',
    figures: costs.map((round) => round[count].peakMiB - round.tiny.peakMiB),
    unit: 'MiB',
    goal: { most: 16 + 4 * count },
  };
}
