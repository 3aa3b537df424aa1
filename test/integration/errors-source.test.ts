import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MIB, randomBytes } from '../helpers/bytes.ts';
import { mustRun, type Outcome, run } from '../helpers/command.ts';
import { expectFailure } from '../helpers/failure.ts';
import { attachDevice } from '../helpers/loop-device.ts';
import { describeWith } from '../helpers/needs.ts';
import { backy, createRepository, filesOf, PROGRAM } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';
import { unwrapped } from '../helpers/unwrapped.ts';

describe('errors of sources', () => {
  it('a missing source fails the backup and keeps the revisions', async () => {
    const { repository, source } = await sourceAndRepository();
    const earlier = await repository.backup();
    renameSync(source, `${source}.away`);

    await expectFailure(repository.backy, ['backup', 'daily'], {
      code: 'BACKY_SOURCE_MISSING',
      says: [`The source ${source} does not exist`],
    });

    expect(repository.revisionFiles()).toEqual(filesOf(earlier));
    renameSync(`${source}.away`, source);
    expect(await repository.backy('backup', 'daily')).toMatchObject({ exitCode: 0 });
  });

  it('a link that leads nowhere is a missing source', async () => {
    const scratch = scratchForTest();
    const link = join(scratch, 'link');
    symlinkSync('nowhere', link);
    const repository = await createRepository(join(scratch, 'repository'), link);

    await expectFailure(repository.backy, ['backup'], { code: 'BACKY_SOURCE_MISSING', says: [link] });
  });

  it('init warns of a source that is not there yet', async () => {
    const scratch = scratchForTest();
    const directory = join(scratch, 'repository');
    const { exitCode, stderr } = await backy(directory, ['init', 'file', join(scratch, 'later.img')]);

    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^backy: warning: .*later\.img does not exist.*\n$/);
    writeFileSync(join(scratch, 'later.img'), 'here');
    expect(await backy(directory, ['backup'])).toMatchObject({ exitCode: 0 });
    expect(readFileSync(join(directory, 'last'), 'utf8')).toBe('here');
  });

  it.each([
    { kind: 'a directory', make: (path: string) => mkdirSync(path) },
    { kind: 'a pipe', make: (path: string) => execFileSync('mkfifo', [path]) },
    { kind: 'a character device', make: (path: string) => symlinkSync('/dev/zero', path) },
  ])('$kind is no source', async ({ make }) => {
    const scratch = scratchForTest();
    const source = join(scratch, 'source');
    make(source);
    const expected = {
      code: 'BACKY_SOURCE_KIND',
      says: [source, 'neither a file nor a block device'],
    } as const;

    const directory = join(scratch, 'repository');
    await expectFailure((...all) => backy(directory, all), ['init', 'file', source], expected);

    mkdirSync(directory);
    const config = `source: {type: file, filename: ${source}}\nschedule: {daily: {interval: 1d, keep: 1}}\n`;
    writeFileSync(join(directory, 'config'), config);
    await expectFailure((...all) => backy(directory, all), ['backup'], expected);
  });

  it('an empty file is a valid image', async () => {
    const { repository, source } = await sourceAndRepository('');

    const { uuid, size, stats } = await repository.backup();

    expect({ size, bytesWritten: stats.bytesWritten }).toEqual({ size: 0, bytesWritten: 0 });
    expect(readFileSync(repository.path(uuid))).toHaveLength(0);
    expect(await repository.verify()).toMatchObject({ good: true });
    expect(await repository.backy('restore', `${source}.restored`)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(`${source}.restored`)).toHaveLength(0);
  });
});

describeWith(['root', 'loop devices', 'command losetup'], 'a device without any bytes', () => {
  it('is a missing source, and no revision of no bytes', async () => {
    const scratch = scratchForTest();
    const disk = join(scratch, 'disk.img');
    writeFileSync(disk, randomBytes(MIB));
    const device = await attachDevice(disk);
    const repository = await createRepository(join(scratch, 'repository'), device);
    const earlier = await repository.backup();
    // As one that is detached; but that number would go to whoever asks next.
    truncateSync(disk, 0);
    await mustRun('losetup', ['--set-capacity', device]);

    const expected = { code: 'BACKY_SOURCE_MISSING', says: [device, 'Attach it'] } as const;
    await expectFailure(repository.backy, ['backup', 'manual:x'], expected);

    expect(repository.revisionFiles()).toEqual(filesOf(earlier));
    expect(unwrapped((await repository.backy('doctor')).stdout)).toContain(`${device} does not exist`);
  });
});

describeWith(['command setpriv'], 'a source that may not be read', () => {
  it('is named, with the reason', async () => {
    const { repository, source } = await sourceAndRepository();
    chmodSync(source, 0);

    await expectFailure(withoutPrivileges(repository.directory), ['backup'], {
      code: 'BACKY_SOURCE_UNREADABLE',
      says: [source, 'permission denied', 'a user who may read it'],
    });

    expect(repository.revisionFiles()).toEqual([]);
  });

  it('is named in one line, also where its snapshots cannot be looked for', async () => {
    const { repository, source } = await sourceAndRepository();
    const directory = join(dirname(source), 'locked');
    mkdirSync(directory);
    renameSync(source, join(directory, 'disk.img'));
    symlinkSync(join(directory, 'disk.img'), source);
    chmodSync(directory, 0);

    const { exitCode, stderr } = await withoutPrivileges(repository.directory)('backup');

    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: expect.stringMatching(/^backy: [^\n]*cannot be read: permission denied[^\n]*\n$/),
    });
    chmodSync(directory, 0o700);
  });
});

/** Root without the privilege to read everything: a whole other user might not get at the checkout. */
function withoutPrivileges(directory: string) {
  const drop = process.geteuid?.() === 0 ? ['--bounding-set', '-dac_override,-dac_read_search'] : [];
  return (...args: readonly string[]): Promise<Outcome> =>
    run('setpriv', [...drop, '--', process.execPath, PROGRAM, '-b', directory, ...args]);
}

async function sourceAndRepository(content = 'a disk') {
  const scratch = scratchForTest();
  const source = join(scratch, 'disk.img');
  writeFileSync(source, content);
  return { source, repository: await createRepository(join(scratch, 'repository'), source) };
}
