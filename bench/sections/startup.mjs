/** Measures the time from the start to the first output. */
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { interleave, measure } from '../measure.mjs';
import { XFS } from '../places.mjs';
import { backUp, backy, freshLiveRepository } from '../repository.mjs';
import { timeRow } from '../row.mjs';
import { table } from '../table.mjs';

export const title = 'Start-up';
export const about = `A program that runs from cron for each machine is mostly start-up. \`--help\` and \`--version\` do without the engine.`;
export const places = [XFS];

// Starting a program is short: more rounds cost nothing and steady the median.
const FEWEST_ROUNDS = 21;

/** @param {import('../main.mjs').Bench} bench */
export async function figures({ scratch, rounds, repository }) {
  await tenRevisions(scratch.path('small.img'), repository);
  const costs = await interleave(Math.max(rounds, FEWEST_ROUNDS), {
    node: () => measure(scratch, [process.execPath, '-e', '0']),
    version: () => measure(scratch, backy('--version')),
    help: () => measure(scratch, backy('--help')),
    status: () => measure(scratch, backy('-b', repository, 'status')),
  });
  const next = (side) => costs.map((round) => ({ backy: round[side], peer: round.node }));
  return table([
    timeRow('`--version`', '`node -e 0`', 1.15, next('version')),
    timeRow('`--help`', '`node -e 0`', undefined, next('help')),
    timeRow('`status` of 10 revisions', '`node -e 0`', 1.4, next('status')),
  ]);
}

async function tenRevisions(source, repository) {
  const fd = openSync(source, 'w');
  ftruncateSync(fd, 2 ** 20);
  closeSync(fd);
  await freshLiveRepository(repository, source);
  for (let revision = 0; revision < 10; revision += 1) await backUp(repository, source);
}
