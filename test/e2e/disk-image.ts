import { copyFile, mkdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { checkout, mustRun } from './packages.ts';

const sizeBytes = 24 * 1024 * 1024;

/**
 * Makes a small real disk image: an ext4 filesystem with files of this checkout.
 * macOS cannot make one; there it is a sparse file that starts with a real program.
 */
export async function makeDiskImage(path: string, scratch: string): Promise<void> {
  if (process.platform === 'darwin') {
    await copyFile('/bin/bash', path);
    return truncate(path, sizeBytes);
  }
  const files = join(scratch, 'files');
  await mkdir(files, { recursive: true });
  await copyFile(join(checkout, 'LICENSE'), join(files, 'LICENSE'));
  await copyFile(join(checkout, 'package-lock.json'), join(files, 'package-lock.json'));
  const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  await mustRun('mke2fs', ['-q', '-t', 'ext4', '-d', files, path, `${sizeBytes / 1024}k`], {
    cwd: scratch,
    env,
  });
}
