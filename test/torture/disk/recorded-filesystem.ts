import { existsSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUpWith, mountDirectly, mustRun, type Need, patiently, start, untilServed } from '../tests.ts';
import { SECTOR_BYTES } from './crash-states.ts';
import { type Entry, recordDisk } from './recording-disk.ts';

/** The filesystems whose power is cut. */
export type RecordedType = 'btrfs' | 'xfs';

/** The requirements of a recording. */
export const recordingNeeds: readonly Need[] = ['root', 'FUSE', 'loop devices', 'command nbdfuse'];

/** All requests to the disk of a filesystem. */
export interface Recording {
  readonly type: RecordedType;
  /** The disk at the beginning. */
  readonly base: string;
  readonly entries: readonly Entry[];
}

const SIZE_MIB: Readonly<Record<RecordedType, number>> = { btrfs: 128, xfs: 304 };

/** Filesystems keep one copy of their metadata, so that no second copy hides the damage of a cut. */
const MAKERS: Readonly<Record<RecordedType, readonly string[]>> = {
  btrfs: ['mkfs.btrfs', '--quiet', '--metadata', 'single', '--data', 'single'],
  xfs: ['mkfs.xfs', '-q', '-m', 'reflink=1', '-s', `size=${SECTOR_BYTES}`],
};

const stopping = `
umount "$1/mnt" 2>/dev/null || { mountpoint -q "$1/mnt" && umount --lazy "$1/mnt"; }
umount "$1/fuse" 2>/dev/null || { mountpoint -q "$1/fuse" && umount --lazy "$1/fuse"; }
true`;

/**
 * Runs `work` on a fresh filesystem, mounted on `home/mnt`, whose disk records what it is told. `work` must leave the
 * filesystem to other processes, as this one answers for the disk.
 */
export async function recordFilesystem(
  home: string,
  type: RecordedType,
  work: (mountpoint: string, position: () => number) => Promise<void>,
): Promise<Recording> {
  const inside = (name: string): string => join(home, name);
  for (const name of ['fuse', 'mnt']) if (!existsSync(inside(name))) mkdirSync(inside(name));
  const [base, live] = [inside('base.disk'), inside('live.disk')];
  writeFileSync(base, '');
  truncateSync(base, SIZE_MIB[type] * 2 ** 20);
  const [maker = '', ...options] = MAKERS[type];
  await mustRun(maker, [...options, '-f', base]);
  await mustRun('cp', ['--reflink=auto', '--sparse=always', base, live]);
  const disk = await recordDisk(live, SIZE_MIB[type] * 2 ** 20, inside('socket'));
  const cleanUp = cleanUpWith(stopping, home);
  try {
    const fuse = start('nbdfuse', ['-C', '1', inside('fuse/disk'), '--unix', disk.socket]);
    await untilServed(inside('fuse/disk'));
    await mountDirectly(inside('fuse/disk'), inside('mnt'), SECTOR_BYTES);
    await work(inside('mnt'), () => disk.entries.length);
    // The recording ends here: a clean unmount would hide data that was not yet safe.
    const entries = disk.entries.slice();
    await unmount(inside('mnt'));
    await untilFree(inside('fuse/disk'));
    await unmount(inside('fuse'));
    await fuse.outcome;
    return { type, base, entries };
  } finally {
    await cleanUp.now();
    await disk.close();
  }
}

/** Mounts a disk as it was left by a cut, runs `work`, and unmounts it. `work` learns why it cannot be mounted. */
export async function withCrashed<Result>(
  type: RecordedType,
  file: string,
  mountpoint: string,
  work: (problem?: string) => Promise<Result>,
): Promise<Result> {
  const options = type === 'xfs' ? 'loop,nouuid' : 'loop';
  const mount = ['-t', type, '-o', options, file, mountpoint];
  try {
    await patiently(() => mustRun('mount', mount), 3);
  } catch (error) {
    return work(String(error));
  }
  try {
    return await work();
  } finally {
    await unmount(mountpoint);
    await untilFree(file);
  }
}

/** A process of another test may have a mount namespace of its own, which keeps a filesystem alive that is unmounted here. */
async function untilFree(disk: string): Promise<void> {
  const check = async (): Promise<void> => {
    if ((await mustRun('losetup', ['--associated', disk])) !== '') throw new Error(`${disk} is still in use`);
  };
  await patiently(check, 1200, 100);
}

/** Retries, because another program of this machine may open a new filesystem for a moment. */
async function unmount(mountpoint: string): Promise<void> {
  await patiently(() => mustRun('umount', [mountpoint]), 100, 100);
}
