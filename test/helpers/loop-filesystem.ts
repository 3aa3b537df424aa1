import { mkdirSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type CleanUp, cleanUpWith } from './clean-up.ts';
import { mustRun } from './command.ts';
import type { Need } from './needs.ts';
import { patiently } from './patiently.ts';
import { makeScratch, scratchForTest } from './scratch.ts';

/** The filesystems that the tests run on. */
export type FilesystemType = 'btrfs' | 'xfs' | 'ext4';

/** A freshly made filesystem, mounted from a sparse file. */
export interface LoopFilesystem {
  readonly type: FilesystemType;
  /** The directory that it is mounted on. */
  readonly directory: string;
  /** The file that is its disk. */
  readonly disk: string;
  /** An empty directory in it for one test. */
  scratch(): string;
  /** Changes its mount options, such as `ro`. */
  remount(options: string): Promise<void>;
  /** Free bytes, after the space of all removed files was given back. No file in it may be open for writing. */
  freeBytes(): Promise<number>;
}

const makers: Readonly<Record<FilesystemType, readonly [string, ...string[]]>> = {
  btrfs: ['mkfs.btrfs', '--quiet'],
  xfs: ['mkfs.xfs', '-q', '-m', 'reflink=1'],
  ext4: ['mkfs.ext4', '-q', '-F', '-m', '0'],
};

const unmounting = `
umount "$1/mnt" 2>/dev/null || umount --lazy "$1/mnt"
rm -rf --one-file-system "$1"`;

/** The requirements of `useFilesystem`. */
export function needsOf(...types: readonly FilesystemType[]): readonly Need[] {
  return ['root', 'loop devices', ...types.map((type): Need => `command ${makers[type][0]}`)];
}

/**
 * Gives all tests of the surrounding describe one filesystem.
 *
 * @param sizeMib at least 128 for btrfs, 300 for XFS; what is not written takes no space
 */
export function useFilesystem(type: FilesystemType, sizeMib = 640): LoopFilesystem {
  let mounted: { readonly directory: string; readonly disk: string; readonly cleanUp: CleanUp } | undefined;
  beforeAll(async () => {
    mounted = await mountFresh(type, sizeMib);
  });
  afterAll(() => mounted?.cleanUp.now());
  const place = () => {
    if (mounted) return mounted;
    throw new Error(`the ${type} filesystem is not mounted`);
  };
  const directory = (): string => place().directory;
  const remount = async (options: string): Promise<void> => {
    await mustRun('mount', ['-o', `remount,${options}`, directory()]);
  };
  return {
    type,
    get directory() {
      return directory();
    },
    get disk() {
      return place().disk;
    },
    scratch: () => scratchForTest(directory()),
    remount,
    freeBytes: async () => {
      // XFS frees in the background, which no sync waits for; going read-only does.
      await remount('ro');
      await remount('rw');
      const { bavail, bsize } = statfsSync(directory());
      return bavail * bsize;
    },
  };
}

async function mountFresh(type: FilesystemType, sizeMib: number) {
  const home = makeScratch();
  const cleanUp = cleanUpWith(unmounting, home);
  const [image, directory] = [join(home, `${type}.disk`), join(home, 'mnt')];
  writeFileSync(image, '');
  truncateSync(image, sizeMib * 2 ** 20);
  mkdirSync(directory);
  const [maker, ...options] = makers[type];
  await mustRun(maker, [...options, image]);
  await patiently(() => mustRun('mount', ['-o', 'loop', image, directory]));
  return { directory, disk: image, cleanUp };
}
