/** The baseline where no other backup tool is compared: the least work that plain tools can do. */
import { rmSync } from 'node:fs';
import { interleave, measure, touchMemory, warm } from './measure.mjs';
import { backupCommand } from './repository.mjs';

export const DD = '`dd if=IMAGE of=/dev/null bs=1M`';
export const COPY = '`cp --sparse=always --reflink=never` and `sync` of the copy';
const COPY_SCRIPT = 'cp --sparse=always --reflink=never "$1" "$2" && sync "$2"';

/** @typedef {import('./main.mjs').Bench} Bench */

/** The command that reads a file through the page cache. */
export function ddCommand(file) {
  return ['dd', `if=${file}`, 'of=/dev/null', 'bs=1M'];
}

/** The command that copies a file and makes the copy durable. */
export function copyCommand(from, to) {
  return ['sh', '-c', COPY_SCRIPT, 'sh', from, to];
}

/** The same; and then it reads the copy as the disk has it, not as memory has it, which backy does before it seals anything. */
export function copyAndReadCommand(from, to) {
  return ['sh', '-c', `${COPY_SCRIPT} && dd if="$2" of=/dev/null bs=1M iflag=direct`, 'sh', from, to];
}

/**
 * First backups next to copies, warm, in fresh repositories and fresh files.
 * @template {string} Side
 * @param {Bench} bench
 * @param {(repository: string, source: string) => Promise<void>} makeRepository
 * @param {Readonly<Record<Side, (from: string, to: string) => readonly string[]>>} copyCommands
 */
export async function firstBackups(bench, makeRepository, copyCommands) {
  const { scratch, image, dataBytes, rounds, repository } = bench;
  const copy = scratch.path('copy');
  const prepared = (argv) => async () => {
    rmSync(copy, { force: true });
    await makeRepository(repository, image);
    await touchMemory(dataBytes * 1.5);
    await warm(image);
    return measure(scratch, argv);
  };
  const copies = Object.entries(copyCommands).map(([side, command]) => [
    side,
    prepared(command(image, copy)),
  ]);
  const backy = prepared(backupCommand(repository));
  const costs = await interleave(rounds, { ...Object.fromEntries(copies), backy });
  rmSync(copy, { force: true });
  return costs;
}
