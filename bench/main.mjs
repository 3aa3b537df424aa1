/** `npm run bench`: measures backy next to plain tools and writes the page with the results. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { expectNoInterruption, run } from './command.mjs';
import { makeImage } from './image.mjs';
import { openPage } from './page.mjs';
import { describePlace, planPlaces } from './places.mjs';
import { mountScratch } from './scratch.mjs';
import { SECTIONS } from './sections/index.mjs';
import { openWorkshop } from './workshop.mjs';

const GIB = 2 ** 30;
const IMAGE = { sizeBytes: 4 * GIB, dataBytes: 2 * GIB };
// The image, what nine tools make of it, and room for the filesystem to breathe.
const SCRATCH_BYTES = 24 * GIB;
/** Debian packages the benchmark needs besides Node. */
const PACKAGES = 'b3sum btrfs-progs e2fsprogs time util-linux xfsprogs';
const TOOLS = ['b3sum', 'mke2fs', 'filefrag', 'fincore', 'time', 'xfs_io', 'mkfs.xfs', 'mkfs.btrfs'];

/**
 * The tools of a section. Its filesystem is its own until it ends, except for the image, which it leaves unchanged.
 * @typedef {object} Bench
 * @property {import('./scratch.mjs').Scratch} scratch
 * @property {string} image the standard image, on the scratch filesystem
 * @property {number} sizeBytes of the image
 * @property {number} dataBytes in it, about
 * @property {number} rounds to keep of each measurement
 * @property {string} repository a free path on the scratch filesystem
 * @property {(step: string) => void} announce says what comes next
 */

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: Object.keys(SECTIONS) },
    filesystem: { type: 'string', multiple: true },
    device: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '5' },
    out: { type: 'string' },
  },
});

try {
  await main();
} catch (error) {
  fail(error.message);
}

async function main() {
  const plan = planPlaces(chosenSections(), options);
  await requireTools();
  const page = await openPage(options.out, { packages: PACKAGES });
  const shop = openWorkshop();
  try {
    say('Making a 4 GiB ext4 image with 2 GiB of files from /usr');
    const image = join(shop.directory, 'disk.img');
    await makeImage({ image, ...IMAGE, from: '/usr', staging: join(shop.directory, 'staging') });
    for (const { place, names } of plan) await measureAt(place, names, { shop, image, page });
  } finally {
    shop.remove();
  }
}

async function measureAt(place, names, { shop, image: standard, page }) {
  say(`Making ${describePlace(place)}`);
  const scratch = await mountScratch(shop, place, SCRATCH_BYTES);
  try {
    const image = scratch.path('disk.img');
    await scratch.copy(standard, image);
    for (const name of names) {
      say(`  ${name}`);
      await measureSection(name, scratch, image, page);
      await scratch.clearBut(image);
    }
  } finally {
    scratch.remove();
  }
}

/** Writes its part of the page. When it fails, the others are measured all the same. */
async function measureSection(name, scratch, image, page) {
  const rounds = Number(options.rounds);
  const repository = scratch.path('repository');
  const announce = (step) => say(`    ${step}`);
  try {
    const results = await SECTIONS[name].figures({ scratch, image, ...IMAGE, rounds, repository, announce });
    say(`\n${results}\n`);
    page.put(name, scratch, rounds, results);
  } catch (error) {
    expectNoInterruption();
    fail(`${name}: ${error.message}`);
  }
}

function chosenSections() {
  const unknown = options.only.find((name) => !Object.hasOwn(SECTIONS, name));
  if (unknown)
    throw new Error(`no section is called ${unknown}; there are ${Object.keys(SECTIONS).join(', ')}`);
  return Object.fromEntries(Object.entries(SECTIONS).filter(([name]) => options.only.includes(name)));
}

async function requireTools() {
  if (process.getuid() !== 0) throw new Error('loop devices and mounts need root');
  for (const tool of TOOLS) {
    await run(['which', tool]).catch(() => {
      throw new Error(`${tool} is missing: apt-get install ${PACKAGES}`);
    });
  }
}

function fail(message) {
  process.stderr.write(`bench: ${message}\n`);
  process.exitCode = 1;
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
