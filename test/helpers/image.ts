import { cpSync, mkdirSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from './bytes.ts';
import { mustRun } from './command.ts';
import { withMounted } from './loop-device.ts';
import { makeScratch } from './scratch.ts';

/** The contents of the file `letter.txt` on a guest's disk. */
export const LETTER = 'Dear reader, the guest deleted me after the first backup.\n';

const PROGRAMS = '/usr/bin';
const LARGEST_PROGRAM_BYTES = 2 ** 20;
const DATABASE_BYTES = 2 * 2 ** 20;

/** Makes a disk image: a real ext4 filesystem with programs of this machine, a letter and a database. */
export async function makeGuestImage(path: string, sizeMib = 32, programsMib = 8): Promise<void> {
  const contents = makeScratch();
  try {
    copyPrograms(join(contents, 'bin'), programsMib * 2 ** 20);
    writeFileSync(join(contents, 'letter.txt'), LETTER);
    writeFileSync(join(contents, 'database'), randomBytes(DATABASE_BYTES));
    writeFileSync(path, '');
    truncateSync(path, sizeMib * 2 ** 20);
    await mustRun('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', contents, path]);
  } finally {
    rmSync(contents, { recursive: true, force: true });
  }
}

/** Boots no machine, but does what one would: mounts its disk, deletes, overwrites and adds files. */
export async function changeAsGuest(image: string): Promise<void> {
  await withMounted(image, 'rw', (disk) => {
    rmSync(join(disk, 'letter.txt'));
    writeFileSync(join(disk, 'database'), randomBytes(DATABASE_BYTES / 2), { flag: 'r+' });
    writeFileSync(join(disk, 'news'), randomBytes(2 * 2 ** 20));
  });
}

function copyPrograms(to: string, quotaBytes: number): void {
  mkdirSync(to);
  let leftBytes = quotaBytes;
  for (const entry of readdirSync(PROGRAMS, { withFileTypes: true })) {
    const path = join(PROGRAMS, entry.name);
    if (!entry.isFile() || statSync(path).size > Math.min(leftBytes, LARGEST_PROGRAM_BYTES)) continue;
    cpSync(path, join(to, entry.name));
    leftBytes -= statSync(path).size;
  }
}
