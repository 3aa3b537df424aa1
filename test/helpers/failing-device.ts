import { closeSync, existsSync, ftruncateSync, openSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { cleanUpWith } from './clean-up.ts';
import { mustRun, start } from './command.ts';
import { mountDirectly, untilServed } from './fuse-disk.ts';
import type { Need } from './needs.ts';
import { makeScratch } from './scratch.ts';

/** The requirements of `startFailingDevice`. */
export const failingDeviceNeeds: readonly Need[] = [
  'root',
  'FUSE',
  'loop devices',
  'command nbdkit',
  'command nbdfuse',
];

/** A disk that fails on demand. */
export interface FailingDevice {
  /** The disk, as a file. */
  readonly disk: string;
  /** Lets the sector with this byte fail to be read; undefined: none. */
  failToRead(offset: number | undefined): void;
  /** Reports success for the next write that contains this line of text, and writes nothing. */
  loseWriteOf(line: string): void;
  /** Puts the next write that contains this line of text 64 KiB before the place that it is for. */
  misdirectWriteOf(line: string): void;
  /** Whether it has done so. */
  hasLied(): boolean;
  /** Makes a filesystem on the disk. @returns where it is mounted */
  mountXfs(): Promise<string>;
}

const pread = `
if read -r bad 2>/dev/null <"$DEVICE/bad" && [ "$4" -le "$bad" ] && [ $(($4 + $3)) -gt "$bad" ]; then
  echo 'EIO bad sector' >&2
  exit 1
fi
exec dd if="$DEVICE/data" skip="$4" count="$3" iflag=skip_bytes,count_bytes,fullblock bs=1M status=none`;

const pwrite = `
cat >"$DEVICE/pending"
if [ -s "$DEVICE/lose" ] && grep -qaFf "$DEVICE/lose" "$DEVICE/pending"; then
  rm "$DEVICE/lose"
  exit 0
fi
where=$4
if [ -s "$DEVICE/misdirect" ] && grep -qaFf "$DEVICE/misdirect" "$DEVICE/pending"; then
  rm "$DEVICE/misdirect"
  where=$(($4 - 65536))
fi
exec dd if="$DEVICE/pending" of="$DEVICE/data" seek="$where" oflag=seek_bytes conv=notrunc bs=1M status=none`;

const stopping = `
umount "$1/mnt" 2>/dev/null || umount --lazy "$1/mnt" 2>/dev/null
umount "$1/fuse" 2>/dev/null || umount --lazy "$1/fuse"
rm -rf --one-file-system "$1"`;

/** Starts a disk of zeros, until the test ends: nbdkit serves it, nbdfuse makes it a file. */
export async function startFailingDevice(sizeBytes: number): Promise<FailingDevice> {
  const home = makeScratch();
  const inside = (name: string): string => join(home, name);
  const cleanUp = cleanUpWith(stopping, home);
  onTestFinished(() => cleanUp.now());
  await Promise.all([mkdir(inside('fuse')), mkdir(inside('mnt'))]);
  const data = openSync(inside('data'), 'w');
  ftruncateSync(data, sizeBytes);
  closeSync(data);
  const disk = inside('fuse/disk');
  const can = ['can_write=exit 0', 'can_flush=exit 0', 'flush=exit 0'];
  const plugin = ['eval', `get_size=echo ${sizeBytes}`, `pread=${pread}`, `pwrite=${pwrite}`, ...can];
  start('nbdfuse', [disk, '--command', 'nbdkit', '--single', '--exit-with-parent', ...plugin], {
    env: { DEVICE: home },
  });
  await untilServed(disk);
  return {
    disk,
    failToRead: (offset) => writeFileSync(inside('bad'), offset === undefined ? '' : `${offset}\n`),
    loseWriteOf: (line) => writeFileSync(inside('lose'), `${line}\n`),
    misdirectWriteOf: (line) => writeFileSync(inside('misdirect'), `${line}\n`),
    hasLied: () => !existsSync(inside('lose')) && !existsSync(inside('misdirect')),
    mountXfs: async () => {
      await mustRun('mkfs.xfs', ['-q', '-m', 'reflink=1', disk]);
      await mountDirectly(disk, inside('mnt'));
      return inside('mnt');
    },
  };
}

/** Lets the next read of a file ask the disk. */
export async function dropCacheOf(path: string): Promise<void> {
  await mustRun('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']);
}
