/** A fresh filesystem on a loop device to measure on; there is one at a time. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from './command.mjs';
import { partOf } from './workshop.mjs';

// -K: the backing file has just been written out in full; a discard would make it sparse again.
const MKFS = {
  xfs: ['mkfs.xfs', '-q', '-f', '-K', '-m', 'reflink=1'],
  btrfs: ['mkfs.btrfs', '-q', '-f', '-K'],
};

/**
 * @typedef {object} Scratch
 * @property {import('./places.mjs').Place} place
 * @property {string} mountOptions as the kernel shows them
 * @property {string} outside a directory on another filesystem
 * @property {string} directory root of the fresh filesystem
 * @property {string} statFile sysfs counters of the loop device
 * @property {(name: string) => string} path a path at its root
 * @property {(from: string, to: string) => Promise<void>} copy sparsely and durably, without sharing
 * @property {() => Promise<number>} usedBytes what is taken, once everything is flushed
 * @property {() => Promise<void>} remount after which nothing is held for files that are closed
 * @property {(...kept: string[]) => Promise<void>} clearBut removes all at its root but these, and remounts
 * @property {() => void} remove unmounts and deletes everything; never throws
 */

/**
 * Creates and mounts it. Needs root.
 * @param {import('./workshop.mjs').Workshop} shop
 * @param {import('./places.mjs').Place} place
 * @param {number} sizeBytes
 * @returns {Promise<Scratch>}
 */
export async function mountScratch(shop, place, sizeBytes) {
  const part = partOf(shop);
  try {
    const device = await loopDevice(part, join(shop.directory, 'disk'), place.device, sizeBytes);
    await run([...MKFS[place.filesystem], device]);
    const directory = join(part.directory, place.filesystem);
    mkdirSync(directory);
    const mount = () => run(['mount', device, directory]);
    await mount();
    part.onRemove(() => unmount(directory));
    const mountOptions = (await run(['findmnt', '--noheadings', '--output', 'OPTIONS', directory])).trim();
    const statFile = `/sys/class/block/${basename(device)}/stat`;
    const facts = { place, mountOptions, outside: part.directory, directory, statFile };
    return { ...facts, ...actions(directory, mount), remove: part.remove };
  } catch (error) {
    part.remove();
    throw error;
  }
}

/** On a file that is written out, so that no later write pays for allocating it; the next filesystem gets it, too. */
async function loopDevice(part, disk, device, sizeBytes) {
  if (!existsSync(disk)) {
    await run(['dd', 'if=/dev/zero', `of=${disk}`, 'bs=4M', `count=${sizeBytes / 2 ** 22}`, 'oflag=direct']);
  }
  const directIo = `--direct-io=${device === 'direct' ? 'on' : 'off'}`;
  const path = (await run(['losetup', '--find', '--show', directIo, disk])).trim();
  part.onRemove(() => execFileSync('losetup', ['--detach', path]));
  return path;
}

function actions(directory, mount) {
  const path = (name) => join(directory, name);
  const remount = async () => {
    unmount(directory);
    await mount();
  };
  return {
    path,
    async copy(from, to) {
      await run(['cp', '--sparse=always', '--reflink=never', from, to]);
      await run(['sync', to]);
    },
    async usedBytes() {
      await run(['sync', '--file-system', directory]);
      const { blocks, bfree, bsize } = statfsSync(directory);
      return (blocks - bfree) * bsize;
    },
    remount,
    async clearBut(...kept) {
      for (const name of readdirSync(directory)) {
        if (!kept.includes(path(name))) rmSync(path(name), { recursive: true });
      }
      // XFS frees it in the background, beside whatever is measured next.
      await remount();
    },
  };
}

/** Patiently: a program that was stopped a moment ago may need a while to let go of a large mapping. */
function unmount(directory) {
  const script =
    'mountpoint -q "$1" || exit 0; for i in 1 2 3 4 5 6 7 8 9; do umount "$1" && exit; sleep 2; done; umount "$1"';
  execFileSync('sh', ['-c', script, 'sh', directory], { stdio: 'pipe' });
}
