import type { RevisionRecord } from '../../src/domain/revision.ts';
import type { Outcome } from './command.ts';
import type { Guest } from './guest.ts';
import { backUpInGuest } from './guest-repository.ts';
import { PROGRAM } from './repository.ts';

/** A pool of ZFS in a guest, `tank`, and its kernel module. */
export interface GuestPool {
  readonly guest: Guest;
  /** Makes a dataset. @returns its directory */
  dataset(name: string, ...options: readonly string[]): Promise<string>;
  /** Sets a parameter of the kernel module while `work` runs. */
  withParameter<Result>(name: string, value: number, work: () => Promise<Result>): Promise<Result>;
  /** Bytes that block cloning saves in the pool. */
  savedBytes(): Promise<number>;
  /** Bytes that the pool has allocated. */
  allocatedBytes(): Promise<number>;
}

/** A repository in a guest, of a file. */
export interface FileRepository {
  readonly directory: string;
  readonly source: string;
  /** Runs a command on it. */
  backy(command: string): Promise<Outcome>;
  /** Takes a revision, which must work and equal the file. */
  backup(): Promise<RevisionRecord>;
  /** Writes random bytes into the file, at a multiple of 4 KiB, and leaves it to ZFS when they come to the disk. */
  overwrite(page: number, pages?: number): Promise<void>;
}

const PARAMETERS = '/sys/module/zfs/parameters';

/**
 * Makes the pool; to be called once. It is in memory, because ZFS makes partitions on disks, and waits for udev then, which
 * does not run here. Groups are finished once in a minute, so that nothing works by chance.
 */
export async function preparePool(guest: Guest): Promise<void> {
  await guest.mustRun(`
    echo 60 >${PARAMETERS}/zfs_txg_timeout
    echo $((256 << 20)) >${PARAMETERS}/zfs_arc_max
    truncate --size=2G /run/pool
    zpool create -o ashift=12 -O compression=off -O atime=off -m /tank tank /run/pool`);
}

export function guestPool(guest: Guest): GuestPool {
  const property = async (name: string): Promise<number> =>
    Number(await guest.mustRun(`zpool sync tank; zpool get -Hpo value ${name} tank`));
  return {
    guest,
    dataset: async (name, ...options) => {
      await guest.mustRun(`zfs create ${options.map((option) => `-o ${option}`).join(' ')} tank/${name}`);
      return `/tank/${name}`;
    },
    withParameter: async (name, value, work) => {
      const path = `${PARAMETERS}/${name}`;
      const before = (await guest.mustRun(`cat ${path}; echo ${value} >${path}`)).trim();
      try {
        return await work();
      } finally {
        await guest.mustRun(`echo ${before} >${path}`);
      }
    },
    savedBytes: () => property('bclonesaved'),
    allocatedBytes: () => property('allocated'),
  };
}

/** Makes a repository for a file of random bytes, which has just been written. */
export async function createFileRepository(
  guest: Guest,
  directory: string,
  source: string,
  sizeMib: number,
): Promise<FileRepository> {
  const write = `dd if=/dev/urandom of=${source} bs=1M count=${sizeMib} status=none`;
  await guest.mustRun(`${write}\n${programOn(directory)} init file ${source}`);
  return openFileRepository(guest, directory, source);
}

/** A repository that is already there. */
export function openFileRepository(guest: Guest, directory: string, source: string): FileRepository {
  return {
    directory,
    source,
    backy: (command) => guest.run(`${programOn(directory)} ${command}`),
    backup: () => backUpInGuest(guest, directory, source),
    overwrite: async (page, pages = 1) => {
      await guest.mustRun(
        `dd if=/dev/urandom of=${source} bs=4k seek=${page} count=${pages} conv=notrunc status=none`,
      );
    },
  };
}

/** The program and the repository that it works on, for a script. */
export function programOn(directory: string): string {
  return `node ${PROGRAM} -b ${directory}`;
}
