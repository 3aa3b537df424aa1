/** Measures with a cold cache: speed of the disk, and the page cache after a backup. */
import { closeSync, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ddCommand } from '../against.mjs';
import { run } from '../command.mjs';
import { mapFile } from '../extents.mjs';
import { cool, interleave, measure, touchMemory } from '../measure.mjs';
import { XFS } from '../places.mjs';
import { andBack, backUp, backupCommand, backy, freshLiveRepository } from '../repository.mjs';
import { timeRow } from '../row.mjs';
import { table } from '../table.mjs';

export const title = 'Cold';
export const about = `Live. Image and repository are taken out of the page cache before each run. The peer reads a file that holds nothing
but the data of the image, as it must not lose time with holes; buffered and past the cache, and the faster of the two counts in each
round. Below a virtual machine there may be one more cache.`;
export const places = [XFS];

const MIB = 2 ** 20;

/** @param {import('../main.mjs').Bench} bench */
export async function figures({ scratch, image, sizeBytes, dataBytes, rounds, repository }) {
  const data = scratch.path('data');
  await copyData(image, sizeBytes, data);
  await freshLiveRepository(repository, image);
  await backUp(repository, image);
  const files = () => [image, ...filesIn(repository)];
  const cold = async (work) => {
    await cool(data, ...files());
    await touchMemory(dataBytes * 1.2);
    return work();
  };
  const residue = [];
  const costs = await interleave(rounds, {
    buffered: () => cold(() => measure(scratch, ddCommand(data))),
    backup: () =>
      cold(() =>
        andBack(repository, async () => {
          const before = await residentMiB(files());
          const cost = await measure(scratch, backupCommand(repository));
          residue.push((await residentMiB(files())) - before);
          return cost;
        }),
      ),
    // Not next to the other dd: the second reader of one file has it from a cache below the machine.
    direct: () => cold(() => measure(scratch, [...ddCommand(data), 'iflag=direct'])),
    verify: () => cold(() => measure(scratch, backy('-b', repository, 'verify', '-r', 'last'))),
  });
  const next = (backy, ...peers) =>
    costs.map((round) => ({
      backy: round[backy],
      peer: peers.map((peer) => round[peer]).reduce((one, other) => (one.wallS < other.wallS ? one : other)),
    }));
  return table([
    timeRow('nothing changed', '`dd` of the data', 1.1, next('backup', 'buffered', 'direct')),
    timeRow('verify', '`dd iflag=direct` of the data', 1.1, next('verify', 'direct')),
    {
      operation: 'left in the page cache by a backup',
      against: 'image, repository: resident after less before (fincore)',
      figures: residue,
      unit: 'MiB',
      goal: { most: 64 },
    },
  ]);
}

/** Copies what is not a hole, one piece behind the other. */
async function copyData(image, sizeBytes, target) {
  const { data } = await mapFile(image, sizeBytes);
  const [from, to] = [openSync(image), openSync(target, 'w')];
  const buffer = Buffer.alloc(MIB);
  for (const { offset, length } of data) {
    for (let at = 0; at < length; at += MIB) {
      const bytes = readSync(from, buffer, 0, Math.min(MIB, length - at), offset + at);
      writeSync(to, buffer, 0, bytes);
    }
  }
  closeSync(from);
  closeSync(to);
}

/** Symbolic links lead to files that are there anyway. */
function filesIn(directory) {
  const entries = readdirSync(directory, { withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => join(directory, name));
}

async function residentMiB(files) {
  const sizes = await run(['fincore', '--bytes', '--noheadings', '--output', 'RES', ...files]);
  return (
    sizes
      .trim()
      .split('\n')
      .reduce((sum, bytes) => sum + Number(bytes), 0) / MIB
  );
}
