import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { expectSameBytes, MIB, makeSparseFile, randomBytes } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { expectFailure } from '../helpers/failure.ts';
import { attachDevice, withMounted } from '../helpers/loop-device.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { backy, createRepository, type TestRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

describe('targets of a restore', () => {
  it('must not be part of the repository, under whatever name', async () => {
    const { scratch, repository } = await filledRepository();
    const image = repository.path('last');
    const [byLink, byHardLink, throughLink] = [join(scratch, 'a'), join(scratch, 'b'), join(scratch, 'c')];
    symlinkSync(image, byLink);
    linkSync(repository.path('config'), byHardLink);
    symlinkSync(repository.directory, throughLink);
    const before = readFileSync(image);
    const targets = [
      image,
      repository.path('config'),
      repository.path('new'),
      byLink,
      byHardLink,
      join(throughLink, 'new'),
    ];
    for (const target of targets)
      await expectFailure(repository.backy, ['restore', target], {
        code: 'BACKY_TARGET_IN_REPOSITORY',
        says: [target, repository.directory],
      });

    expect(readFileSync(image).equals(before)).toBe(true);
    expect(repository.revisionFiles()).toHaveLength(3);
  });

  it('must not be an image of another repository', async () => {
    const [{ repository }, { repository: other }] = [await filledRepository(), await filledRepository()];
    const image = other.path('last');
    const before = readFileSync(image);

    await expectFailure(repository.backy, ['restore', image], {
      code: 'BACKY_TARGET_IN_REPOSITORY',
      says: [image, other.directory],
    });

    expect(readFileSync(image).equals(before)).toBe(true);
  });

  it('must not be links that lead nowhere', async () => {
    const { scratch, repository } = await filledRepository();
    const link = join(scratch, 'link');
    symlinkSync('nowhere.img', link);

    await expectFailure(repository.backy, ['restore', link], {
      code: 'BACKY_IO',
      says: [link, 'nowhere.img, which does not exist', 'remove the link'],
    });
  });

  it('have names that leave room for a temporary name', async () => {
    const { scratch, repository } = await filledRepository();

    await expectFailure(repository.backy, ['restore', join(scratch, 'a'.repeat(255))], {
      code: 'BACKY_IO',
      says: ['the name is too long', 'as long as a file is not complete, its name is up to 48 bytes longer'],
    });
    expect(await repository.backy('restore', join(scratch, 'a'.repeat(207)))).toMatchObject({ exitCode: 0 });
  });

  it('must be files or block devices', async () => {
    const { scratch, repository } = await filledRepository();
    const pipe = join(scratch, 'pipe');
    execFileSync('mkfifo', [pipe]);
    mkdirSync(join(scratch, 'directory'));

    for (const target of [join(scratch, 'directory'), pipe, '/dev/full'])
      await expectFailure(repository.backy, ['restore', target], {
        code: 'BACKY_TARGET_KIND',
        says: [target],
      });
  });

  it('must not have the name of a directory, there or not', async () => {
    const { scratch, repository } = await filledRepository();
    mkdirSync(join(scratch, 'there'));
    for (const name of ['new/', 'new/.', 'there/', 'disk.img/'])
      await expectFailure(repository.backy, ['restore', `${scratch}/${name}`], {
        code: 'BACKY_TARGET_KIND',
        says: [`${scratch}/${name} is the name of a directory`, 'Name a new file'],
      });
    await expectFailure(repository.backy, ['restore', join(scratch, 'there')], {
      code: 'BACKY_TARGET_KIND',
      says: ['is a directory'],
    });
    expect(readdirSync(scratch).sort()).toEqual(['disk.img', 'repository', 'there']);
    expect(readdirSync(join(scratch, 'there'))).toEqual([]);
  });

  it('must not be new files between devices, nor in filesystems of the kernel', async () => {
    const { repository } = await filledRepository();
    const name = `backy-test-${process.pid}`;
    for (const args of [
      [`/dev/${name}`],
      ['--clone', `/dev/${name}`],
      [`/proc/${name}`],
      [`/sys/kernel/${name}`],
    ])
      await expectFailure(repository.backy, ['restore', ...args], {
        code: 'BACKY_NO_PLACE',
        says: [dirname(args.at(-1) ?? ''), 'lsblk'],
      });
    expect(readdirSync('/dev').filter((each) => each.startsWith(name))).toEqual([]);
  });

  it('must be in a directory that exists', async () => {
    const { scratch, repository } = await filledRepository();
    const target = join(scratch, 'no', 'such', 'directory', 'disk.img');

    await expectFailure(repository.backy, ['restore', target], { code: 'BACKY_IO', says: [scratch] });
  });

  it('may go away while they are streamed to', async () => {
    const { repository } = await filledRepository();
    const line = '{ "$@"; echo "exit $?" >&2; } | head -c 100000 >/dev/null';
    const program = [process.execPath, 'bin/backy.js', '-b', repository.directory, 'restore', '-'];

    const stderr = await mustRun('sh', ['-c', `exec 2>&1; ${line}`, 'sh', ...program]);

    expect(stderr).toMatch(/^backy: .*standard output.*the reader went away.*\nexit 1\n$/);
  });
});

describeWith([...needsOf('ext4'), 'command losetup'], 'devices as targets', () => {
  it('must be large enough', async () => {
    const { scratch, repository } = await filledRepository();
    makeSparseFile(join(scratch, 'small'), 3 * MIB);
    const device = await attachDevice(join(scratch, 'small'));

    await expectFailure(repository.backy, ['restore', device], {
      code: 'BACKY_TARGET_SMALL',
      says: [device, '4.00 MiB'],
    });

    expect(readFileSync(device).equals(Buffer.alloc(3 * MIB))).toBe(true);
  });

  it('must not be mounted, nor the file that is mounted from', async () => {
    const { scratch, repository } = await filledRepository();
    const disk = join(scratch, 'disk');
    makeSparseFile(disk, 8 * MIB);
    await mustRun('mkfs.ext4', ['-q', '-F', disk]);
    const device = await attachDevice(disk);

    await withMounted(device, 'rw', async (directory) => {
      writeFileSync(join(directory, 'precious'), 'data');
      for (const target of [device, disk])
        await expectFailure(repository.backy, ['restore', target], {
          code: 'BACKY_TARGET_BUSY',
          says: [target, `Unmount ${target === device ? directory : ''}`],
        });
    });

    await mustRun('e2fsck', ['-f', '-n', disk]);
    await withMounted(device, 'ro', (directory) =>
      expect(readFileSync(join(directory, 'precious'), 'utf8')).toBe('data'),
    );
    expect(await repository.backy('restore', device)).toMatchObject({ exitCode: 0 });
    await mustRun('cmp', ['--bytes', String(4 * MIB), device, repository.source]);
    await expectSameBytes(repository.path('last'), repository.source);
  });
});

describeWith(['root', ...needsOf('ext4'), 'command losetup', 'command chattr'], 'a protected target', () => {
  const filesystem = useFilesystem('ext4', 64);

  it('is refused with a remedy before the image is read', async () => {
    const { scratch, repository } = await filledRepository();
    // Whoever read it would say so.
    chmodSync(repository.path('last'), 0o600);
    writeFileSync(repository.path('last'), Buffer.alloc(4 * MIB));
    const target = join(filesystem.scratch(), 'target');
    writeFileSync(target, Buffer.alloc(8 * MIB), { mode: 0o600 });
    makeSparseFile(join(scratch, 'disk'), 8 * MIB);
    const device = await attachDevice(join(scratch, 'disk'), '--read-only');
    await refused(repository, device, 'the device is read-only', `blockdev --setrw ${device}`);

    for (const [flag, says] of [
      ['i', 'it is immutable'],
      ['a', 'it is append-only'],
    ] as const)
      for (const path of [target, dirname(target)]) {
        await mustRun('chattr', [`+${flag}`, path]);
        try {
          await refused(
            repository,
            path === target ? target : join(path, 'new'),
            says,
            `"chattr -${flag} ${path}"`,
          );
        } finally {
          await mustRun('chattr', [`-${flag}`, path]);
        }
      }
    expect(readdirSync(dirname(target))).toEqual(['target']);
    await expectFailure(repository.backy, ['restore', target], {
      code: 'BACKY_IMAGE_DAMAGED',
      says: ['is damaged'],
    });
  });

  async function refused({ backy }: TestRepository, target: string, ...says: readonly string[]) {
    await expectFailure(backy, ['restore', target], { code: 'BACKY_TARGET_PROTECTED', says });
  }
});

describeWith(['root'], 'a regular file that stands where a device should', () => {
  it('is no target, no source, and its directory no place for a repository', async () => {
    const { scratch, repository } = await filledRepository();
    const path = `/dev/backy-test-${process.pid}-file`;
    onTestFinished(() => rmSync(path, { force: true }));
    writeFileSync(path, 'old');

    const noPlace = { code: 'BACKY_NO_PLACE', says: [path, 'not a device'] } as const;
    await expectFailure(repository.backy, ['restore', path], noPlace);
    expect(readFileSync(path, 'utf8')).toBe('old');
    const fresh = (...args: readonly string[]) => backy(join(scratch, 'fresh'), args);
    await expectFailure(fresh, ['init', 'file', path], noPlace);
    rmSync(path);
    const within = (...args: readonly string[]) => backy(path, args);
    await expectFailure(within, ['init', 'file', repository.source], noPlace);
    expect(existsSync(path)).toBe(false);
    expect(existsSync(join(scratch, 'fresh'))).toBe(false);
  });

  it('is fine as a target in memory that is for files', async () => {
    const { repository } = await filledRepository();
    const directory = scratchForTest('/dev/shm');

    expect(await repository.backy('restore', join(directory, 'new'))).toMatchObject({ exitCode: 0 });
    await expectSameBytes(join(directory, 'new'), repository.source);
  });
});

describeWith(['root', 'loop devices', 'command losetup', 'command setpriv'], 'an existing file', () => {
  it('may be restored to although somebody has a loop device where others may not look', async () => {
    const { scratch, repository } = await filledRepository();
    const target = join(scratch, 'existing');
    const secret = join(scratch, 'secret');
    writeFileSync(target, 'old');
    mkdirSync(secret, { mode: 0 });
    makeSparseFile(join(secret, 'disk'), MIB);
    await attachDevice(join(secret, 'disk'));

    const drop = ['--bounding-set', '-dac_override,-dac_read_search', '--'];
    const program = [process.execPath, 'bin/backy.js', '-b', repository.directory, 'restore', target];
    await mustRun('setpriv', [...drop, ...program]);

    await expectSameBytes(target, repository.source);
  });
});

async function filledRepository(): Promise<{ scratch: string; repository: TestRepository }> {
  const scratch = scratchForTest();
  const source = join(scratch, 'disk.img');
  writeFileSync(source, randomBytes(4 * MIB));
  const repository = await createRepository(join(scratch, 'repository'), source);
  await repository.backup();
  return { scratch, repository };
}
