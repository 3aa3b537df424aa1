/** The page that holds the results: a part for each section and place, which is replaced when it is measured again. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from './command.mjs';
import { describeMachine } from './machine.mjs';
import { describePlace, PLACES } from './places.mjs';
import { backy } from './repository.mjs';
import { SECTIONS } from './sections/index.mjs';

const README = fileURLToPath(new URL('README.md', import.meta.url));

/**
 * @typedef {object} Page
 * @property {(name: string, scratch: import('./scratch.mjs').Scratch, rounds: number, results: string) => void} put
 *   takes the results of a section at a place, and writes the page
 */

/**
 * Starts from what the page says now.
 * @param {string} path `-` for none at all
 * @param {{ packages: string }} facts
 * @returns {Promise<Page>}
 */
export async function openPage(path = README, { packages }) {
  const [machine, version] = [await describeMachine(), (await run(backy('--version'))).trim()];
  const parts = path === '-' ? new Map() : partsOf(path);
  return {
    put(name, { place, mountOptions }, rounds, results) {
      const facts = `Mounted with \`${mountOptions}\`; rounds: ${rounds}.`;
      parts.set(partName(name, place), `### On ${describePlace(place)}\n\n${facts}\n\n${results}\n`);
      if (path !== '-') writeFileSync(path, compose({ machine, version, packages, parts }));
    },
  };
}

function partName(name, { filesystem, device }) {
  return `${name} ${filesystem} ${device}`;
}

/** The parts of a page by their names. */
function partsOf(path) {
  const page = readFileSync(path, { encoding: 'utf8', flag: 'a+' });
  const marked = page.matchAll(/^<!-- (\w+ \w+ \w+) -->\n(.*?)^<!-- end -->$/gms);
  return new Map([...marked].map(([, name, part]) => [name, part]));
}

function compose({ machine, version, packages, parts }) {
  const sections = Object.entries(SECTIONS).map(([name, { title, about }]) => {
    const names = PLACES.map((place) => partName(name, place)).filter((part) => parts.has(part));
    const figures = names.map((part) => `<!-- ${part} -->\n${parts.get(part)}<!-- end -->\n`);
    return figures.length === 0 ? [] : [`## ${title}\n\n${about}\n`, ...figures];
  });
  return `# Benchmark

This page is written by \`npm run bench\`, as root, with \`${packages}\` installed, for the peers also \`borgbackup
qemu-utils restic rsync\`, and for the ways of reading cargo. It takes half an hour and 30 GiB in \`BENCH_DIR\` (default
\`/var/tmp\`; a directory on a disk).

- \`--only SECTION\`, given once or more, measures these sections and leaves the others on the page as they are:
  ${Object.keys(SECTIONS)
    .map((name) => `\`${name}\``)
    .join(', ')}.
- \`--rounds N\` sets how often each figure is taken; \`--filesystem\` (xfs, btrfs) and \`--device\` (direct, cached) take
  the sections somewhere else; \`--out FILE\` writes another page, \`--out -\` none.

What follows from the figures that miss their goal, and where the limit is, stands in [LIMITS.md](LIMITS.md).

- **Machine:** ${machine}.
- **backy:** ${version}.
- **Image:** 4 GiB ext4 made with \`mke2fs -d\`, 2 GiB of files from /usr in it, free space left as holes.
- **Method:** what is compared runs in turns (A B A B …), after a first time that is dropped. A ratio is the wall time of
  backy, start of Node included, divided by that of the peer in the same round; the table shows the median of these, with
  the least and the most in parentheses. The other columns are medians. Whatever backy writes is durable when it ends, and
  so is what the peers write. Backups and restores are compared byte by byte with what they are made of before they count. Caches are warm unless
  said otherwise, and memory was touched before, as the first use of a free page is slow on virtual machines. Bytes written
  are the sector counters of the loop device after a sync.
- **Live** means \`snapshot: off\`: everything is read, as of a source that knows nothing of its changes. Only the sections that say
  so measure what \`init\` configures.

${sections.flat().join('\n')}`;
}
