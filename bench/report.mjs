/** The page that holds the results. */
import { table } from './table.mjs';

/**
 * @param {{ machine: string, version: string, rounds: number, image: string, command: string,
 *   parts: readonly { filesystem: string, device: string, mountOptions: string, rows: readonly import('./row.mjs').Row[] }[] }} results
 * @returns {string}
 */
export function report({ machine, version, rounds, image, command, parts }) {
  const sections = parts.map(
    ({ filesystem, device, mountOptions, rows }) =>
      `## On ${filesystem}, ${DEVICES[device]}\n\nMounted with \`${mountOptions}\`.\n\n${table(rows)}\n`,
  );
  return `# Benchmark

This page is written by

\`\`\`
${command}
\`\`\`

as root, with \`${TOOLS}\` installed. It takes a few minutes and 15 GiB
in \`BENCH_DIR\` (default \`/var/tmp\`; a directory on a disk). \`--filesystem btrfs\` measures on btrfs, given twice
on both; \`--device cached\` or \`direct\` on one of the two devices; \`--rounds N\` sets the number of rounds; \`--out -\` prints instead of writing this page.

- **Machine:** ${machine}.
- **backy:** ${version}.
- **Image:** ${image}.
- **Method:** peer and backy run in turns (A B A B …), ${rounds} rounds after one that is dropped. A ratio is the wall time of
  backy, start of Node included, divided by that of the peer right before it; the table shows the median of these, with the
  least and the most in parentheses. The other columns are medians. Whatever backy writes is durable when it ends, and so is
  the copy of \`cp\`; one backup of each kind is compared with its source first. Caches are warm, and memory was touched
  before, as the first use of a free page is slow on virtual machines. Bytes written are the sector counters of the loop
  device after a sync. After every backup the new revision is removed.
  The goals are set for XFS.
- **From a snapshot** means as \`init\` configures it: a file on a filesystem with reflinks is cloned first, and what did not
  move on the disk since the last snapshot is not read, but for a sample. The other rows read everything (\`snapshot: off\`), as of a
  source that knows nothing of its changes; they are bound by how fast the processors hash what memory holds, and by the start of Node.
- **Reading back:** before it seals a revision, backy reads what it wrote from the disk, past the cache. Where the disk
  reads no faster than it writes, that alone doubles the time of a first backup; the second row has a peer that does the
  same. Later backups read back only what changed.

${sections.join('\n')}`;
}

const DEVICES = {
  cached: 'loop device through the page cache of the host (as `mount -o loop` makes it)',
  direct: 'loop device with direct I/O (what is read back comes from the disk itself)',
};

/** Debian packages the benchmark needs besides Node. */
export const TOOLS = 'b3sum btrfs-progs e2fsprogs time xfsprogs';
