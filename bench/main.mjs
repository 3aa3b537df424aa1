/** `npm run bench`: measures backy next to plain tools and writes the page with the results. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run } from './command.mjs';
import { makeImage } from './image.mjs';
import { describeMachine } from './machine.mjs';
import { report, TOOLS } from './report.mjs';
import { backy } from './repository.mjs';
import { measureRows } from './rows.mjs';
import { mountScratch } from './scratch.mjs';
import { table } from './table.mjs';

const GIB = 2 ** 30;
const SIZE_BYTES = 4 * GIB;
const DATA_BYTES = 2 * GIB;
// Source, first revision, a copy or second repository, and room for the filesystem to breathe.
const SCRATCH_BYTES = 3 * SIZE_BYTES;
const README = fileURLToPath(new URL('README.md', import.meta.url));

const { values: options } = parseArgs({
  options: {
    filesystem: { type: 'string', multiple: true, default: ['xfs'] },
    device: { type: 'string', multiple: true, default: ['cached', 'direct'] },
    rounds: { type: 'string', default: '7' },
    out: { type: 'string', default: README },
  },
});

try {
  await main();
} catch (error) {
  say(`bench: ${error.message}`);
  process.exitCode = 1;
}

async function main() {
  await requireTools();
  const rounds = Number(options.rounds);
  const parts = [];
  for (const filesystem of options.filesystem)
    for (const device of options.device) parts.push(await benchOn(filesystem, device, rounds));
  const page = report({
    machine: await describeMachine(),
    version: (await run(backy('--version'))).trim(),
    rounds,
    image: `4 GiB ext4 made with \`mke2fs -d\`, ${parts[0].files} files (2 GiB) from /usr, free space left as holes`,
    command: commandLine(),
    parts,
  });
  if (options.out !== '-') writeFileSync(options.out, page);
}

async function benchOn(filesystem, device, rounds) {
  const parent = process.env.BENCH_DIR ?? '/var/tmp';
  say(
    `Making a ${SCRATCH_BYTES / GIB} GiB ${filesystem} (${device}) and a ${SIZE_BYTES / GIB} GiB ext4 image on it`,
  );
  const scratch = await mountScratch({ filesystem, device, parent, sizeBytes: SCRATCH_BYTES });
  try {
    const image = join(scratch.directory, 'disk.img');
    const staging = join(scratch.directory, 'staging');
    const { files } = await makeImage({
      image,
      sizeBytes: SIZE_BYTES,
      dataBytes: DATA_BYTES,
      from: '/usr',
      staging,
    });
    const repository = join(scratch.directory, 'repository');
    const bench = { scratch, image, sizeBytes: SIZE_BYTES, dataBytes: DATA_BYTES, rounds, repository };
    const rows = await measureRows(bench, (step) => say(`  ${words(step)}`));
    say(`\n${table(rows)}\n`);
    return { filesystem, device, mountOptions: scratch.mountOptions, files, rows };
  } finally {
    scratch.remove();
  }
}

async function requireTools() {
  if (process.getuid() !== 0) throw new Error('loop devices and mounts need root');
  const makers = options.filesystem.map((type) => `mkfs.${type}`);
  for (const tool of ['b3sum', 'mke2fs', 'filefrag', 'time', ...makers]) {
    await run(['which', tool]).catch(() => {
      throw new Error(`${tool} is missing: apt-get install ${TOOLS}`);
    });
  }
}

/** The very command line, so that whoever reads the page can repeat it. */
function commandLine() {
  const given = process.argv.slice(2);
  return ['npm run bench', ...(given.length > 0 ? ['--', ...given] : [])].join(' ');
}

/** `firstBackup` → `first backup` */
function words(name) {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
