import { readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectSameBytes, flipByte, MIB, randomBytes, writeAt } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { expectFailure } from '../helpers/failure.ts';
import { extentsOf, mappedBytes, ownBytes } from '../helpers/fiemap.ts';
import { changeAsGuest, makeGuestImage } from '../helpers/image.ts';
import { attachDevice } from '../helpers/loop-device.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith, type Need } from '../helpers/needs.ts';
import { createLiveRepository, type TestRepository } from '../helpers/repository.ts';

const filefrag: Need = 'command filefrag';

for (const type of ['btrfs', 'xfs'] as const) {
  describeWith([...needsOf(type), filefrag, 'command losetup'], `restore --clone on ${type}`, () => {
    const filesystem = useFilesystem(type);

    it('gives an ordinary file that shares every block, and says that none was checked', async () => {
      const scratch = filesystem.scratch();
      const repository = await guestRepository(scratch);
      const target = join(scratch, 'target.img');

      const { exitCode, stdout, stderr } = await repository.backy('restore', '--clone', target);

      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout).toMatch(
        /^(\S+) cloned to \S+target\.img: 32\.00 MiB, not checked; "backy verify -r \1" .+\n$/,
      );
      await expectSameBytes(target, repository.source);
      const extents = await extentsOf(target);
      expect(mappedBytes(extents)).toBeGreaterThan(8 * MIB);
      expect(ownBytes(extents)).toBe(0);
      expect(statSync(target).mode & 0o7777).toBe(0o600);
      expect(namesBeside(target)).toEqual([]);
      writeAt(target, 3 * MIB, randomBytes(MIB));
      expect(await repository.verify()).toMatchObject({ good: true });
    });

    it('tells programs the same, and takes any revision', async () => {
      const scratch = filesystem.scratch();
      const repository = await guestRepository(scratch);
      const target = join(scratch, 'target.img');

      const { stdout } = await repository.backy('--json', 'restore', '-r', 'first', '--clone', target);

      const { record, ...result } = JSON.parse(stdout);
      const size = 32 * MIB;
      expect(result).toEqual({ size, bytesRead: 0, bytesWritten: 0, checked: false, targetKind: 'clone' });
      await expectSameBytes(target, repository.path(record.uuid));
    });

    it('replaces nothing: no file, no link that leads nowhere, no device', async () => {
      const scratch = filesystem.scratch();
      const repository = await smallRepository(scratch);
      const [file, link] = [join(scratch, 'precious'), join(scratch, 'link')];
      const disk = join(scratch, 'disk');
      for (const path of [file, disk]) writeFileSync(path, randomBytes(MIB));
      symlinkSync('nowhere', link);
      for (const target of [file, link, await attachDevice(disk), scratch])
        await expectFailure(repository.backy, ['restore', '--clone', target], {
          code: 'BACKY_CLONE_REFUSED',
          says: [target, 'it exists already', 'without --clone'],
        });
      expect(readdirSync(scratch).sort()).toEqual(['disk', 'disk.img', 'link', 'precious', 'repository']);
    });

    it('gives nothing of a revision that is distrusted, has another length, or a damaged index', async () => {
      const scratch = filesystem.scratch();
      const repository = await smallRepository(scratch);
      const { uuid } = await repository.backup();
      const clone = ['restore', '--clone', join(scratch, 'target')];

      flipByte(repository.path(`${uuid}.hashes`), 4096);
      await expectFailure(repository.backy, clone, { code: 'BACKY_INDEX_DAMAGED', says: [uuid] });
      flipByte(repository.path(`${uuid}.hashes`), 4096);
      await mustRun('truncate', ['--size=-1', repository.path(uuid)]);
      await expectFailure(repository.backy, clone, {
        code: 'BACKY_IMAGE_DAMAGED',
        says: [uuid, 'the record says'],
      });
      await repository.backy('distrust', '-r', uuid);
      await expectFailure(repository.backy, [...clone, '-r', uuid], {
        code: 'BACKY_CLONE_REFUSED',
        says: [uuid, 'distrusted', 'without --clone'],
      });

      expect(namesBeside(join(scratch, 'target'))).toEqual([]);
    });
  });
}

describeWith(needsOf('btrfs', 'xfs', 'ext4'), 'restore --clone where blocks cannot be shared', () => {
  const [btrfs, xfs, ext4] = [useFilesystem('btrfs'), useFilesystem('xfs'), useFilesystem('ext4')];

  it.each([
    { what: 'ext4', from: ext4, to: ext4, says: 'ext4 has no reflinks' },
    { what: 'another filesystem of its kind', from: xfs, to: btrfs, says: 'another filesystem' },
    { what: 'a filesystem that has none', from: btrfs, to: ext4, says: 'another filesystem' },
  ])('is refused in one line, and leaves nothing: $what', async ({ from, to, says }) => {
    const repository = await smallRepository(from.scratch());
    const target = join(to.scratch(), 'target');

    await expectFailure(repository.backy, ['restore', '--clone', target], {
      code: 'BACKY_CLONE_REFUSED',
      says: [target, says, 'without --clone'],
    });

    expect(readdirSync(join(target, '..')).filter((name) => name.startsWith('target'))).toEqual([]);
    expect(await repository.backy('restore', target)).toMatchObject({ exitCode: 0 });
    await expectSameBytes(target, repository.source);
  });

  it('is refused for objects other than files, and with --force', async () => {
    const repository = await smallRepository(xfs.scratch());
    for (const target of ['-', 'rbd:pool/image'])
      await expectFailure(repository.backy, ['restore', '--clone', target], {
        code: 'BACKY_CLONE_REFUSED',
        says: [target, 'it is no file'],
      });
    await expectFailure(repository.backy, ['restore', '--clone', '--force', '/tmp/never'], {
      code: 'BACKY_USAGE',
      says: ['--clone', '--force'],
    });
  });

  it('leaves the layout of writes to the clone to XFS', async () => {
    const scratch = xfs.scratch();
    const repository = await smallRepository(scratch);
    // Only an image that is a clone of the one before has the hint that is handed on.
    await repository.backup();
    const target = join(scratch, 'target');
    await repository.backy('restore', '--clone', target);

    const hintOf = (path: string) => mustRun('xfs_io', ['-r', '-c', 'cowextsize', path]);

    expect(await hintOf(repository.path('last'))).toMatch(/^\[4096\]/);
    expect(await hintOf(target)).toMatch(/^\[0\]/);
  });
});

/** Two revisions of a guest's disk. */
async function guestRepository(scratch: string): Promise<TestRepository> {
  const source = join(scratch, 'disk.img');
  await makeGuestImage(source);
  const repository = await createLiveRepository(join(scratch, 'repository'), source);
  await repository.backup();
  await changeAsGuest(source);
  await repository.backup();
  return repository;
}

async function smallRepository(scratch: string): Promise<TestRepository> {
  const source = join(scratch, 'disk.img');
  writeFileSync(source, randomBytes(MIB + 777));
  const repository = await createLiveRepository(join(scratch, 'repository'), source);
  await repository.backup();
  return repository;
}

/** Lists temporary files that a restore has left. */
function namesBeside(path: string): readonly string[] {
  return readdirSync(join(path, '..')).filter((name) => name.includes('.partial'));
}
