/** A fresh filesystem on a loop device to measure on, and its removal. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from './command.mjs';

const TMPFS_MAGIC = 0x01021994;
// -K: the backing file has just been written out in full; a discard would make it sparse again.
const MKFS = {
  xfs: ['mkfs.xfs', '-q', '-f', '-K', '-m', 'reflink=1'],
  btrfs: ['mkfs.btrfs', '-q', '-f', '-K'],
};

/**
 * @typedef {object} Scratch
 * @property {string} filesystem type, `xfs` or `btrfs`
 * @property {string} mountOptions as the kernel shows them
 * @property {string} outside a directory on the disk that holds the loop device's file
 * @property {string} directory root of the fresh filesystem
 * @property {string} statFile sysfs counters of the loop device
 * @property {() => void} remove unmounts and deletes everything; never throws
 */

/**
 * Creates, mounts and returns the scratch filesystem. Needs root.
 * @param {{ filesystem: 'xfs' | 'btrfs', device: 'cached' | 'direct', parent: string, sizeBytes: number }} options
 *   device: whether the loop device goes through the host's page cache, as `mount -o loop` makes it, or past it
 * @returns {Promise<Scratch>}
 */
export async function mountScratch({ filesystem, device: cache, parent, sizeBytes }) {
  requireDisk(parent, sizeBytes);
  const undo = [];
  const remove = () => undoAll(undo);
  try {
    const outside = mkdtempSync(join(parent, 'backy-bench-'));
    undo.push(() => rmSync(outside, { recursive: true, force: true }));
    const disk = join(outside, 'disk');
    // Written out, so that no later write pays for allocating the backing file.
    await run(['dd', 'if=/dev/zero', `of=${disk}`, 'bs=4M', `count=${sizeBytes / 2 ** 22}`, 'oflag=direct']);
    const directIo = `--direct-io=${cache === 'direct' ? 'on' : 'off'}`;
    const device = (await run(['losetup', '--find', '--show', directIo, disk])).trim();
    undo.push(() => execFileSync('losetup', ['--detach', device]));
    await run([...MKFS[filesystem], device]);
    const directory = join(outside, filesystem);
    mkdirSync(directory);
    await run(['mount', device, directory]);
    undo.push(() => unmount(directory));
    const mountOptions = (await run(['findmnt', '--noheadings', '--output', 'OPTIONS', directory])).trim();
    const statFile = `/sys/class/block/${basename(device)}/stat`;
    return { filesystem, mountOptions, outside, directory, statFile, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function requireDisk(parent, sizeBytes) {
  const { type, bavail, bsize } = statfsSync(parent);
  if (type === TMPFS_MAGIC) throw new Error(`${parent} is in memory: set BENCH_DIR to a directory on a disk`);
  const neededBytes = sizeBytes * 1.25;
  if (bavail * bsize < neededBytes) {
    throw new Error(
      `${parent} needs ${Math.ceil(neededBytes / 2 ** 30)} GiB free: set BENCH_DIR to a larger disk`,
    );
  }
}

/** Newest first; stops where something cannot be undone, as what is below it is still in use. */
function undoAll(undo) {
  try {
    while (undo.length > 0) undo.pop()();
  } catch (error) {
    process.stderr.write(`bench: clean-up stopped: ${error.message}\n`);
  }
}

function unmount(directory) {
  // A program that was stopped a moment ago may need a while to let go of a large mapping.
  const options = { stdio: 'pipe' };
  execFileSync(
    'sh',
    ['-c', 'for i in 1 2 3 4 5 6 7 8 9; do umount "$1" && exit; sleep 2; done; umount "$1"', 'sh', directory],
    options,
  );
}
