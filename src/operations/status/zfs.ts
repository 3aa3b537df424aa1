import { readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { formatSize } from '../../domain/size.ts';

/** Settings of OpenZFS on this machine and of the dataset of a directory. */
export interface ZfsReport {
  /** Such as `2.3.2-1`. Absent if the kernel does not report it. */
  readonly version?: string;
  /** Whether files may share blocks. Absent before OpenZFS 2.2, which has no such setting. */
  readonly blockCloning?: boolean;
  /** Whether cloning waits for unwritten data instead of failing. Absent before OpenZFS 2.2. */
  readonly waitsForDirtyData?: boolean;
  /** Largest record of new files, in bytes. */
  readonly recordSize: number;
}

/** Bytes in which backy changes an image, unless the image has very many extents. */
const GRANULE = 16 * 1024;

const MODULE = '/sys/module/zfs';

/** Reads the settings of a dataset and of the kernel module. */
export async function lookAtZfs(directory: string, module: string = MODULE): Promise<ZfsReport> {
  const read = async (name: string): Promise<string | undefined> => {
    try {
      return (await readFile(join(module, name), 'utf8')).trim();
    } catch {
      // OpenZFS before 2.2 lacks the file, and some kernels hide it. The report then omits the setting.
      return undefined;
    }
  };
  const version = await read('version');
  const cloning = await read('parameters/zfs_bclone_enabled');
  const waits = await read('parameters/zfs_bclone_wait_dirty');
  // OpenZFS reports the record size as the size of a block: zfs_statvfs().
  const { bsize: recordSize } = await statfs(directory);
  return {
    ...(version === undefined ? {} : { version }),
    ...(cloning === undefined ? {} : { blockCloning: cloning === '1' }),
    ...(waits === undefined ? {} : { waitsForDirtyData: waits === '1' }),
    recordSize,
  };
}

/** Returns settings that make backups cheaper: one sentence each, without a full stop. */
export function adviseOnZfs(zfs: ZfsReport, canShareBlocks: boolean): readonly string[] {
  if (!canShareBlocks) return [adviseOnCloning(zfs)];
  return [
    ...(zfs.waitsForDirtyData === false
      ? [
          `Set ${parameter('zfs_bclone_wait_dirty')}: a disk that a guest never stops writing to gets a snapshot only with it`,
        ]
      : []),
    ...adviseOnRecords(zfs.recordSize),
  ];
}

function adviseOnCloning({ version = 'this version', blockCloning }: ZfsReport): string {
  if (blockCloning === undefined) return `Use OpenZFS 2.2 or newer: ${version} has no block cloning`;
  if (blockCloning) {
    return 'See whether "zpool get feature@block_cloning POOL" says "disabled": "zpool set feature@block_cloning=enabled POOL" enables it';
  }
  return `Set ${parameter('zfs_bclone_enabled')}: block cloning is off, as it is by default before OpenZFS 2.3`;
}

function adviseOnRecords(recordSize: number): readonly string[] {
  const [record, granule] = [recordSize, GRANULE].map(formatSize);
  const set = 'for a new dataset of images, "zfs set recordsize=16K"';
  if (recordSize > GRANULE) {
    return [
      `Consider ${set}: each piece of ${granule} that changes costs a record of ${record} now, although cloning small records takes longer`,
    ];
  }
  if (recordSize < GRANULE) {
    return [`Consider ${set}: backy changes ${granule} at a time, and cloning takes longer with ${record}`];
  }
  return [];
}

function parameter(name: string): string {
  return `${name}=1 in /sys/module/zfs/parameters, and by "options zfs ${name}=1" in /etc/modprobe.d/zfs.conf`;
}
