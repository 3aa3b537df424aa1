/** Ways of reading an image for hashing: the engine's choice between them rests on this table. */
import { fileURLToPath } from 'node:url';
import { run } from '../command.mjs';
import { cool, touchMemory, warm } from '../measure.mjs';
import { median } from '../median.mjs';
import { BTRFS, XFS } from '../places.mjs';
import { markdownTable } from '../table.mjs';

export const title = 'How to read';
export const about = `The data of the image are read and hashed in blocks of 256 KiB by the engine's own code, without Node, index and record: in
GiB/s, with the CPU seconds for a GiB in parentheses. \`mmap\` maps 4 MiB at a time, the others read
1 MiB at a time. \`RWF_DONTCACHE\` goes through the page cache and leaves nothing there. The
engine asks for each range what is cached, and reads that with \`pread\` and the rest with \`O_DIRECT\`, by default with two threads
for each processor.`;
export const places = [XFS, BTRFS];

const GIB = 2 ** 30;
const MOST_ROUNDS = 3;
const WAYS = { pread: '`pread`', mmap: '`mmap`', direct: '`O_DIRECT`', dontcache: '`RWF_DONTCACHE`' };
const THREADS = [1, 2, 4];
const CHECKOUT = fileURLToPath(new URL('..', new URL('..', import.meta.url)));
const READING = ['cargo', 'bench', '--quiet', '--package', 'backy-core', '--bench', 'reading', '--'];

/** @typedef {{ wallS: number, cpuS: number, bytes: number, digest: string }} Reading */

/** @param {import('../main.mjs').Bench} bench */
export async function figures({ image, dataBytes, rounds, announce }) {
  announce('building');
  await run(READING, { cwd: CHECKOUT });
  const states = {
    warm: () => warm(image),
    async cold() {
      await cool(image);
      // Or whoever comes first after a pause would pay for the pages of the cache.
      await touchMemory(dataBytes * 1.2);
    },
  };
  const lines = [];
  for (const [state, prepare] of Object.entries(states)) {
    for (const threads of THREADS) {
      const name = `${state}, ${threads} thread${threads === 1 ? '' : 's'}`;
      announce(name);
      const readings = await inTurns(Math.min(rounds, MOST_ROUNDS), async (way) => {
        await prepare();
        return read(image, way, threads);
      });
      lines.push([name, ...readings.map(cell)]);
    }
  }
  return markdownTable(['', ...Object.values(WAYS)], lines);
}

/** The readings of each way; some filesystems do not support all of them. */
async function inTurns(rounds, measure) {
  const readings = new Map(Object.keys(WAYS).map((way) => [way, []]));
  const digests = new Set();
  for (let round = 1; round <= rounds; round += 1) {
    for (const [way, all] of readings) {
      const reading = await measure(way);
      if (reading.unsupported) continue;
      all.push(reading);
      digests.add(reading.digest);
    }
  }
  if (digests.size !== 1) throw new Error('the ways of reading do not give the same bytes');
  return [...readings.values()];
}

/** @returns {Promise<Reading | { unsupported: true }>} */
async function read(image, way, threads) {
  return JSON.parse(await run([...READING, image, way, String(threads)], { cwd: CHECKOUT }));
}

function cell(readings) {
  if (readings.length === 0) return 'not supported';
  const gibPerS = median(readings.map(({ bytes, wallS }) => bytes / GIB / wallS));
  const cpuPerGib = median(readings.map(({ bytes, cpuS }) => (cpuS * GIB) / bytes));
  return `${gibPerS.toFixed(2)} (${cpuPerGib.toFixed(2)})`;
}
