/** A directory on a disk that is gone in the end, with everything that was mounted below it. */
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

const TMPFS_MAGIC = 0x01021994;
const NEEDED_BYTES = 30 * 2 ** 30;

/**
 * @typedef {object} Workshop
 * @property {string} directory
 * @property {(undo: () => void) => void} onRemove called before what was there earlier goes
 * @property {() => void} remove never throws
 */

/**
 * Makes the directory in `BENCH_DIR`.
 * @returns {Workshop}
 */
export function openWorkshop() {
  const parent = process.env.BENCH_DIR ?? '/var/tmp';
  requireDisk(parent);
  const directory = mkdtempSync(join(parent, 'backy-bench-'));
  return workshop(directory, [() => rmSync(directory, { recursive: true, force: true })]);
}

/** @returns {Workshop} a part of another one that can go before it does, and goes with it */
export function partOf({ directory, onRemove }) {
  const part = workshop(mkdtempSync(join(directory, 'part-')), []);
  part.onRemove(() => rmSync(part.directory, { recursive: true, force: true }));
  onRemove(part.remove);
  return part;
}

/** Newest first; stops where something cannot be undone, as what is below it is still in use. */
function workshop(directory, undo) {
  const remove = () => {
    try {
      for (; undo.length > 0; undo.pop()) undo.at(-1)();
    } catch (error) {
      process.stderr.write(`bench: clean-up of ${directory} stopped: ${error.message}\n`);
    }
  };
  return { directory, remove, onRemove: (step) => undo.push(step) };
}

function requireDisk(parent) {
  const { type, bavail, bsize } = statfsSync(parent);
  if (type === TMPFS_MAGIC) throw new Error(`${parent} is in memory: set BENCH_DIR to a directory on a disk`);
  if (bavail * bsize < NEEDED_BYTES) {
    throw new Error(`${parent} needs ${NEEDED_BYTES / 2 ** 30} GiB free: set BENCH_DIR to a larger disk`);
  }
}
