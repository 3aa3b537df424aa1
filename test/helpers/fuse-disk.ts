import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mustRun } from './command.ts';
import { patiently } from './patiently.ts';

const PATIENCE_MS = 120_000;

/** Waits until the server of a disk has it be a file named `disk`. */
export async function untilServed(disk: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += 20) {
    // Not by a call that would wait for the very disk: it may be this process that serves it.
    if ((await mustRun('ls', [dirname(disk)])).includes('disk')) return;
    await sleep(20);
  }
  throw new Error(`${disk} did not appear`);
}

/** Mounts such a disk. Without direct I/O the cache of the loop device would hide what the disk does, and when. */
export async function mountDirectly(disk: string, directory: string, sectorBytes = 512): Promise<void> {
  const losetup = ['--find', '--show', '--direct-io=on', '--sector-size', String(sectorBytes), disk];
  const device = (await patiently(() => mustRun('losetup', losetup))).trim();
  try {
    await mustRun('mount', [device, directory]);
  } finally {
    // Takes effect when the filesystem is unmounted.
    await mustRun('losetup', ['--detach', device]);
  }
}
