import { closeSync, fsyncSync, openSync, readdirSync, statfsSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import type { DoctorReport } from '../../src/operations/status/doctor.ts';
import { MIB, randomBytes } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { type LoopFilesystem, needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, type TestRepository } from '../helpers/repository.ts';
import { unwrapped } from '../helpers/unwrapped.ts';

const CHUNK_BYTES = 4 * MIB;

describeWith([...needsOf('xfs', 'btrfs'), 'command fallocate'], 'a guest whose disk is preallocated', () => {
  const repositories = useFilesystem('xfs', 1536);
  const small = { xfs: useFilesystem('xfs', 320), btrfs: useFilesystem('btrfs', 512) };

  it.each([
    ['xfs', 140],
    ['btrfs', 280],
  ] as const)('overwrites all of it after a backup on %s, although less is free', async (type, mebibytes) => {
    const place = small[type];
    const disk = await preallocatedDisk(place.scratch(), mebibytes);
    expect(freeBytes(place)).toBeLessThan(mebibytes * MIB);
    const repository = await createRepository(join(repositories.scratch(), 'repository'), disk);

    const { exitCode, stderr } = await repository.backy('backup', 'manual:first');

    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^backy: warning: the snapshot of .* is not kept, so that the guest has space: /);
    expect(snapshotsBeside(disk)).toEqual([]);
    overwrite(disk, mebibytes);
    const [first] = (await repository.status()).revisions;
    expect(first?.stats.snapshotDropped).toMatch(/^overwriting all .* takes .* are free, and .* a reserve$/);
    expect(unwrapped((await repository.backy('status')).stdout)).toContain(
      ' the snapshot was dropped: overwriting all',
    );
    const report = await reportOf(repository);
    expect(report).toMatchObject({ verdict: 'limited', snapshotRoom: { enough: false } });
    expect(report.remarks).toEqual([expect.stringMatching(/^Each backup reads everything/)]);

    const { stats } = await repository.backup();
    expect(stats).toMatchObject({
      method: 'full',
      fallback: `the snapshot of the previous revision was dropped: ${first?.stats.snapshotDropped}`,
    });
    overwrite(disk, mebibytes);
  });

  it('has its snapshot kept where all of it fits twice, and doctor says so', async () => {
    const disk = await preallocatedDisk(small.xfs.scratch(), 40);
    const repository = await createRepository(join(repositories.scratch(), 'repository'), disk);

    await repository.backup();

    expect(snapshotsBeside(disk)).toHaveLength(1);
    expect(await reportOf(repository)).toMatchObject({ verdict: 'ready', snapshotRoom: { enough: true } });
    overwrite(disk, 40);
    expect((await repository.backup()).stats).toMatchObject({ method: 'extent-map' });
  });

  it('counts the kept snapshots of other sources on its filesystem', async () => {
    const scratch = small.xfs.scratch();
    const disks = await Promise.all(['a', 'b'].map((name) => preallocatedDisk(scratch, 75, name)));
    for (const [n, disk] of disks.entries()) {
      const repository = await createRepository(join(repositories.scratch(), `repository${n}`), disk);
      await repository.backup();
    }
    expect(snapshotsBeside(disks[0] ?? '')).toHaveLength(1);
    for (const disk of disks) overwrite(disk, 75);
  });

  it('is warned of where its revisions share its blocks, as nothing helps there', async () => {
    const scratch = small.xfs.scratch();
    const disk = await preallocatedDisk(scratch, 140);
    const repository = await createRepository(join(scratch, 'repository'), disk);

    const { exitCode, stderr } = await repository.backy('backup', 'manual:first');

    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^backy: warning: the guest may run out of space, as it shares its disk with /);
    const [first] = (await repository.status()).revisions;
    expect(first?.stats).toMatchObject({ sharing: 'reflink' });
    expect(first?.stats).not.toHaveProperty('snapshotDropped');
    const { remarks, verdict } = await reportOf(repository);
    expect(verdict).toBe('limited');
    expect(remarks).toEqual([
      expect.stringMatching(/^The guest may run out of space, as source and revisions share/),
    ]);
  });
});

/** A disk of which every block is allocated and written. */
async function preallocatedDisk(directory: string, mebibytes: number, name = 'disk'): Promise<string> {
  const disk = join(directory, `${name}.img`);
  await mustRun('fallocate', ['--length', `${mebibytes}MiB`, disk]);
  overwrite(disk, mebibytes);
  return disk;
}

/** As a guest does that writes all of its disk, and wants to know that it is there. @throws ENOSPC */
function overwrite(disk: string, mebibytes: number): void {
  const file = openSync(disk, 'r+');
  try {
    for (let at = 0; at < mebibytes * MIB; at += CHUNK_BYTES) {
      const length = Math.min(CHUNK_BYTES, mebibytes * MIB - at);
      expect(writeSync(file, randomBytes(length), 0, length, at)).toBe(length);
      fsyncSync(file);
    }
  } finally {
    closeSync(file);
  }
}

function freeBytes({ directory }: LoopFilesystem): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

function snapshotsBeside(disk: string): readonly string[] {
  return readdirSync(dirname(disk)).filter((name) => name.includes('.backy-'));
}

async function reportOf(repository: TestRepository): Promise<DoctorReport> {
  return JSON.parse((await repository.backy('--json', 'doctor')).stdout);
}
