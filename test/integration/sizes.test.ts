import { renameSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectSameBytes, KIB, MIB, makeSparseFile, randomBytes, readAt, writeAt } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { expectOneLine } from '../helpers/failure.ts';
import { holdBackup, holdingNeeds } from '../helpers/held-command.ts';
import { attachDevice } from '../helpers/loop-device.ts';
import { type FilesystemType, needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, filesOf, type TestRepository } from '../helpers/repository.ts';

const types: readonly FilesystemType[] = ['btrfs', 'xfs', 'ext4'];
/** One after the other: nothing, odd, whole blocks, a byte more, less, nothing again, a bit more than a segment. */
const sizes = [0, 5 * MIB + 777, 5 * MIB, 5 * MIB + 1, 3 * MIB - 4095, 0, 33 * MIB + 12_345];

for (const type of types) {
  describeWith(needsOf(type), `sizes on ${type}`, () => {
    const filesystem = useFilesystem(type);

    it('follows a source that grows and shrinks', async () => {
      const repository = await repositoryOf(filesystem.scratch());
      for (const size of sizes) {
        truncateSync(repository.source, size);
        if (size > 5000) writeAt(repository.source, size - 5000, randomBytes(5000));
        const { uuid, ...record } = await repository.backup();

        expect(record.size).toBe(size);
        await expectSameBytes(repository.path(uuid), repository.source);
      }
      expect(await repository.verify()).toMatchObject({ good: true, verdicts: { length: sizes.length } });
    });
  });
}

describeWith([...needsOf('xfs'), ...holdingNeeds], 'sources of all kinds and sizes', () => {
  const filesystem = useFilesystem('xfs');

  it('are restored over targets of another size', async () => {
    const scratch = filesystem.scratch();
    const repository = await repositoryOf(scratch);
    const target = join(scratch, 'target');
    makeSparseFile(target, 2 * MIB);
    for (const size of [MIB + 1, 0, 300 * KIB - 1]) {
      writeFileSync(repository.source, randomBytes(size));
      await repository.backup();

      expect(await repository.backy('restore', target)).toMatchObject({ exitCode: 0 });
      await expectSameBytes(target, repository.source);
    }
  });

  it('may be symbolic links, followed each time anew', async () => {
    const scratch = filesystem.scratch();
    const disks = [join(scratch, 'a.img'), join(scratch, 'b.img')] as const;
    for (const disk of disks) {
      makeSparseFile(disk, MIB);
      writeAt(disk, 0, randomBytes(1000));
    }
    const link = join(scratch, 'link');
    symlinkSync('a.img', link);
    const repository = await createRepository(join(scratch, 'repository'), link);
    await repository.backup();
    await expectSameBytes(repository.path('last'), disks[0]);
    unlinkSync(link);
    symlinkSync('b.img', link);

    const { source } = await repository.backup();

    expect(source).toMatchObject({ type: 'file', filename: link });
    await expectSameBytes(repository.path('last'), disks[1]);
  });

  it.each([512, 4096])('may be block devices with sectors of %i bytes', async (sectorBytes) => {
    const scratch = filesystem.scratch();
    const disk = join(scratch, 'disk');
    makeSparseFile(disk, 9 * MIB + sectorBytes);
    const device = await attachDevice(disk, '--sector-size', String(sectorBytes));
    writeAt(device, 5 * MIB, randomBytes(MIB));
    const repository = await createRepository(join(scratch, 'repository'), device);
    // Data outside the cache is read past the cache, sector by sector.
    await mustRun('blockdev', ['--flushbufs', device]);

    expect((await repository.backup()).size).toBe(9 * MIB + sectorBytes);
    await expectSameBytes(repository.path('last'), device);
    writeAt(device, 9 * MIB, randomBytes(sectorBytes));

    expect((await repository.backup()).stats).toMatchObject({ bytesWritten: sectorBytes });
    await expectSameBytes(repository.path('last'), device);
  });

  it.each([
    ['grows', 20 * MIB],
    ['shrinks', 10 * MIB],
  ])('fails a backup whose source %s meanwhile', async (_, size) => {
    const repository = await repositoryOf(filesystem.scratch(), 16 * MIB);
    const earlier = await repository.backup();
    writeAt(repository.source, 0, randomBytes(16 * MIB));
    const held = await holdBackup(repository);
    truncateSync(repository.source, size);

    expectOneLine(await held.goOn(), [`The size of the source ${repository.source} changed`]);

    expect(repository.revisionFiles()).toEqual(filesOf(earlier));
    const { uuid } = await repository.backup();
    await expectSameBytes(repository.path(uuid), repository.source);
  });

  it('keeps to the file it opened when another one takes its name', async () => {
    const scratch = filesystem.scratch();
    const repository = await repositoryOf(scratch, 16 * MIB);
    const held = await holdBackup(repository);
    renameSync(repository.source, join(scratch, 'original'));
    makeSparseFile(repository.source, 16 * MIB);

    expect(await held.goOn()).toMatchObject({ exitCode: 0 });

    await expectSameBytes(repository.path('last'), join(scratch, 'original'));
    expect(readAt(repository.path('last'), 0, 100)).not.toEqual(Buffer.alloc(100));
  });
});

function repositoryOf(scratch: string, sizeBytes = 0): Promise<TestRepository> {
  const source = join(scratch, 'disk.img');
  makeSparseFile(source, sizeBytes);
  if (sizeBytes > 0) writeAt(source, 0, randomBytes(sizeBytes));
  return createRepository(join(scratch, 'repository'), source);
}
