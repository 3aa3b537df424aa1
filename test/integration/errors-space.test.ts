import { statfsSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectSameBytes, MIB, randomBytes } from '../helpers/bytes.ts';
import { mustRun, run } from '../helpers/command.ts';
import { expectFailure, expectOneLine } from '../helpers/failure.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, cutOff, filesOf, PROGRAM } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

const full = 'no space left (ENOSPC)';

for (const { type, sizeMib } of [
  { type: 'btrfs', sizeMib: 128 },
  { type: 'xfs', sizeMib: 300 },
  { type: 'ext4', sizeMib: 48 },
] as const) {
  describeWith(needsOf(type), `a full ${type}`, () => {
    const filesystem = useFilesystem(type, sizeMib);

    it('fails the backup, keeps every revision, and works again once there is space', async () => {
      const source = join(scratchForTest(), 'disk.img');
      writeFileSync(source, randomBytes(8 * MIB));
      const scratch = filesystem.scratch();
      const repository = await createRepository(join(scratch, 'repository'), source);
      const earlier = await repository.backup();
      const ballast = await fill(scratch, 4 * MIB);
      writeFileSync(source, randomBytes(16 * MIB));

      await expectFailure(repository.backy, ['backup', 'daily'], {
        code: 'BACKY_IO',
        says: [full, repository.directory, 'Free some space'],
      });

      expect(repository.revisionFiles()).toEqual(filesOf(earlier));
      expect(await repository.backy('status')).toMatchObject({ exitCode: 0, stderr: '' });
      await mustRun('cmp', ['-s', repository.path('last'), repository.path(earlier.uuid)]);
      await rm(ballast);
      await mustRun('sync', ['--file-system', scratch]);
      const later = await repository.backup();
      await expectSameBytes(repository.path(later.uuid), source);
      expect(repository.revisionFiles()).toEqual(filesOf(earlier, later));
      expect(await repository.verify()).toMatchObject({ good: true });
    });

    it('still lists, finds, purges and restores with not one byte left', async () => {
      const source = join(scratchForTest(), 'disk.img');
      writeFileSync(source, randomBytes(4 * MIB));
      const scratch = filesystem.scratch();
      const repository = await createRepository(join(scratch, 'repository'), source);
      const { uuid } = await repository.backup();
      const names = cutOff(repository, '01900000-0000-7000-8000-000000000000', '.partial');
      writeFileSync(repository.path(names[0] ?? ''), randomBytes(MIB));
      await fill(scratch, 0);

      expect((await repository.backy('status')).stdout).toContain(uuid);
      expect((await repository.backy('find')).stdout).toBe(`${repository.path(uuid)}\n`);
      expect(await repository.backy('restore', `${source}.restored`)).toMatchObject({ exitCode: 0 });
      await expectSameBytes(`${source}.restored`, source);
      expect(await repository.backy('purge')).toMatchObject({
        exitCode: 0,
        stdout: `${names.join('\n')}\n`,
      });
      expect(repository.revisionFiles()).toHaveLength(3);
    });

    it('leaves no target behind when it has no room for a restore', async () => {
      const scratch = filesystem.scratch();
      const source = join(scratchForTest(), 'disk.img');
      writeFileSync(source, randomBytes(8 * MIB));
      const repository = await createRepository(join(scratchForTest(), 'repository'), source);
      await repository.backup();
      await fill(scratch, 2 * MIB);
      const target = join(scratch, 'target');

      await expectFailure(repository.backy, ['restore', target], { code: 'BACKY_IO', says: [full] });

      expect((await mustRun('ls', ['-A', scratch])).trim()).toBe('ballast');
    });
  });
}

describeWith(needsOf('xfs'), 'a read-only filesystem', () => {
  const filesystem = useFilesystem('xfs');

  it('takes no backup, and serves its revisions', async () => {
    const source = join(scratchForTest(), 'disk.img');
    writeFileSync(source, randomBytes(4 * MIB));
    const repository = await createRepository(join(filesystem.directory, 'repository'), source);
    const earlier = await repository.backup();
    await filesystem.remount('ro');

    // The log cannot be written either, which is said once on a line of its own.
    for (const args of [['backup', 'daily'], ['purge']]) {
      const quiet = await run(process.execPath, [PROGRAM, '-b', repository.directory, '-q', ...args]);
      expectOneLine(quiet, ['the filesystem is read-only (EROFS)', repository.directory, 'Remount it']);
    }
    expect(await repository.backy('status')).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await repository.verify()).toMatchObject({ good: true, verdicts: [{ recorded: false }] });
    expect(await repository.backy('restore', `${source}.restored`)).toMatchObject({ exitCode: 0 });
    await expectSameBytes(`${source}.restored`, source);

    await filesystem.remount('rw');
    const later = await repository.backup();
    expect(repository.revisionFiles()).toEqual(filesOf(earlier, later));
  });

  it('says it in one line', async () => {
    const source = join(scratchForTest(), 'disk.img');
    writeFileSync(source, randomBytes(MIB));
    const repository = await createRepository(join(filesystem.directory, 'one-line'), source);
    await filesystem.remount('ro');
    try {
      await expectFailure(repository.backy, ['backup'], { code: 'BACKY_IO', says: ['EROFS'] });
    } finally {
      await filesystem.remount('rw');
    }
  });
});

/** Fills a filesystem until about so much is free. @returns the path of the file that takes the space */
async function fill(directory: string, leaveBytes: number): Promise<string> {
  const ballast = join(directory, 'ballast');
  await mustRun('sync', ['--file-system', directory]);
  if (leaveBytes === 0) {
    // In ever smaller pieces, until not even one byte more fits.
    for (const piece of ['1M', '4k', '1'])
      await run('sh', [
        '-c',
        `dd if=/dev/zero bs=${piece} oflag=append conv=notrunc of="$0"; sync "$0"`,
        ballast,
      ]);
    return ballast;
  }
  const { bavail, bsize } = statfsSync(directory);
  await mustRun('fallocate', ['--length', String(bavail * bsize - leaveBytes), ballast]);
  return ballast;
}
