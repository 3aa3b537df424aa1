/** Measures the cost of larger images. */
import { run } from '../command.mjs';
import { applyChanges, changeAsGuest } from '../guest.mjs';
import { interleave, measure, warm } from '../measure.mjs';
import { XFS } from '../places.mjs';
import {
  andBack,
  backUp,
  backupCommand,
  backy,
  configure,
  freshLiveRepository,
  freshRepository,
  newestImage,
  requireEqual,
} from '../repository.mjs';
import { memoryRow, timeRow } from '../row.mjs';
import { table } from '../table.mjs';

export const title = 'Scale';
export const about = `The file of 4 TiB has the data of the standard image and is read live. That of 64 GiB is the standard image 16 times over,
by reflink, 32 GiB of data; it and one of 4 GiB are backed up from snapshots, after the same changes (1 % of 4 GiB) in each round. Such a run
reads a sample of one block in 30 again, which grows with the image; the last row is without (\`sample-runs\`).`;
export const places = [XFS];

const HUGE_BYTES = 4 * 2 ** 40;
const COPIES = 16;
const MEMORY_GOAL_MIB = 96;
// A sample of next to nothing.
const NO_SAMPLE = 'sample-runs: 1000000';

/** @param {import('../main.mjs').Bench} bench */
export async function figures(bench) {
  const rows = [];
  for (const step of [mostlyHoles, sameChanges]) {
    bench.announce(step.name);
    rows.push(...(await step(bench)));
    await bench.scratch.clearBut(bench.image);
  }
  return table(rows);
}

/** The same data in a file a thousand times as large. */
async function mostlyHoles({ scratch, image, rounds, repository }) {
  const [huge, hugeRepository] = [scratch.path('huge.img'), scratch.path('huge')];
  await scratch.copy(image, huge);
  await warm(huge);
  await run(['truncate', `--size=${HUGE_BYTES}`, huge]);
  await freshLiveRepository(repository, image);
  await backUp(repository, image);
  await freshLiveRepository(hugeRepository, huge);
  const first = await measure(scratch, backupCommand(hugeRepository));
  await warm(image);
  const backup = (of) => () => andBack(of, () => measure(scratch, backupCommand(of)));
  const pairs = await interleave(rounds, { peer: backup(repository), backy: backup(hugeRepository) });
  const verified = await measure(scratch, backy('-b', hugeRepository, 'verify'));
  const costs = [first, ...pairs.map((pair) => pair.backy), verified];
  return [
    timeRow('4 TiB, all holes but 2 GiB; nothing changed', '4 GiB', 1.5, pairs),
    memoryRow('4 TiB: memory of the process', 'first backup, later ones, verify', MEMORY_GOAL_MIB, costs),
  ];
}

async function sameChanges({ scratch, image: standard, sizeBytes, rounds }) {
  const [small, large] = [scratch.path('small.img'), scratch.path('large.img')];
  await scratch.copy(standard, small);
  await repeat(standard, large, sizeBytes);
  const repositories = { small: scratch.path('small'), large: scratch.path('large') };
  await firstRevision(repositories.small, small);
  await firstRevision(repositories.large, large);
  let day = 0;
  let changes;
  const sides = {
    async peer() {
      day += 1;
      changes = await changeAsGuest({ image: small, sizeBytes, share: 0.01, day });
      return measure(scratch, backupCommand(repositories.small));
    },
    async backy() {
      await applyChanges(large, changes);
      return measure(scratch, backupCommand(repositories.large));
    },
  };
  const withSample = await interleave(rounds, sides);
  for (const repository of Object.values(repositories)) configure(repository, NO_SAMPLE);
  const without = await interleave(rounds, sides);
  await requireEqual(small, newestImage(repositories.small));
  await run(['cmp', `--bytes=${sizeBytes}`, large, newestImage(repositories.large)]);
  return [
    timeRow('64 GiB, from a snapshot', '4 GiB, same changes', 1.2, withSample),
    timeRow('64 GiB, from a snapshot, no sample', '4 GiB, same changes, no sample', 1.2, without),
  ];
}

/** A file that has another one several times, sharing its blocks. */
async function repeat(file, target, sizeBytes) {
  const clone = (number) => ['-c', `reflink ${file} 0 ${number * sizeBytes} ${sizeBytes}`];
  await run(['xfs_io', '-f', ...Array.from({ length: COPIES }, (_, number) => clone(number)).flat(), target]);
}

async function firstRevision(repository, source) {
  await freshRepository(repository, source);
  await run(backupCommand(repository));
}
