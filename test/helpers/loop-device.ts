import { mkdirSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { cleanUpWith } from './clean-up.ts';
import { mustRun } from './command.ts';
import { patiently } from './patiently.ts';
import { makeScratch } from './scratch.ts';

/** Makes a file a block device until the test ends. @returns the path of the device */
export async function attachDevice(file: string, ...options: readonly string[]): Promise<string> {
  const losetup = ['--find', '--show', ...options, file];
  const device = (await patiently(() => mustRun('losetup', losetup))).trim();
  const cleanUp = cleanUpWith('losetup --detach "$1"', device);
  onTestFinished(() => cleanUp.now());
  return device;
}

/**
 * Mounts a disk image, or a block device, as its guest or a person looking for a file would.
 *
 * @param options of mount, such as `ro,noload`
 * @param work gets the directory it is mounted on
 */
export async function withMounted<Result>(
  image: string,
  options: string,
  work: (directory: string) => Promise<Result> | Result,
): Promise<Result> {
  const directory = `${makeScratch()}/mnt`;
  const script = 'umount "$1" 2>/dev/null || umount --lazy "$1"; rm -rf --one-file-system "$(dirname "$1")"';
  const cleanUp = cleanUpWith(script, directory);
  try {
    mkdirSync(directory);
    const how = image.startsWith('/dev/') ? options : `loop,${options}`;
    await patiently(() => mustRun('mount', ['-o', how, image, directory]));
    return await work(directory);
  } finally {
    await cleanUp.now();
  }
}
