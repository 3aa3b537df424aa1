import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MIB, makeSparseFile } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { expectFailure } from '../helpers/failure.ts';
import { holdBackup, holdingNeeds } from '../helpers/held-command.ts';
import { describeWith } from '../helpers/needs.ts';
import { backy, createRepository, filesOf, PROGRAM, type TestRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

describe('errors of repositories', () => {
  it.each([['backup'], ['status'], ['restore', 'target'], ['find'], ['verify'], ['purge']])(
    'no repository here: %s',
    async (...args) => {
      const directory = scratchForTest();

      await expectFailure((...all) => backy(directory, all, { cwd: directory }), args, {
        code: 'BACKY_NO_REPOSITORY',
        says: [`There is no repository in ${directory}`, 'backy init'],
      });

      expect(readdirSync(directory)).toEqual([]);
    },
  );

  it('a directory that does not exist is no repository either', async () => {
    const directory = join(scratchForTest(), 'missing');

    await expectFailure((...all) => backy(directory, all), ['status'], {
      code: 'BACKY_NO_REPOSITORY',
      says: [directory],
    });
  });

  it('a configuration that was lost is no reason to say that there is no repository', async () => {
    const repository = await emptyRepository();
    const { uuid } = await repository.backup();
    rmSync(repository.path('config'));

    for (const args of [['status'], ['find'], ['verify'], ['restore', 'target']])
      await expectFailure(repository.backy, args, {
        code: 'BACKY_CONFIG_MISSING',
        says: [`${repository.path('config')} is missing`, 'revisions in its directory: 1. ', 'backy init'],
      });
    expect(await repository.backy('doctor')).toMatchObject({
      exitCode: 1,
      stdout: expect.stringMatching('unable: .*\n- .*config: it does not exist'),
    });

    await mustRun(process.execPath, [PROGRAM, '-b', repository.directory, 'init', 'file', repository.source]);
    expect((await repository.backy('find')).stdout).toBe(`${repository.path(uuid)}\n`);
  });

  it('init refuses where a configuration exists, and leaves it alone', async () => {
    const repository = await emptyRepository();
    const before = readFileSync(repository.path('config'), 'utf8');

    await expectFailure(repository.backy, ['init', 'file', '/dev/null'], {
      code: 'BACKY_CONFIG_EXISTS',
      says: [`${repository.path('config')} exists already`],
    });

    expect(readFileSync(repository.path('config'), 'utf8')).toBe(before);
  });

  it('init names the source types that there are', async () => {
    const directory = join(scratchForTest(), 'repository');

    await expectFailure((...all) => backy(directory, all), ['init', 'floppy', '/dev/fd0'], {
      code: 'BACKY_SOURCE_TYPE_UNKNOWN',
      says: ['"floppy"', 'file'],
    });
  });

  it.each([
    { text: 'source: [\n', place: '2:1', says: [] },
    {
      text: 'source:\n  type: file\n  filename: a\n  filename: b\n',
      place: '4:3',
      says: ['duplicated mapping key'],
    },
    { text: 'source: {type: floppy, filename: a}\nschedule: {}\n', place: '1:16', says: ['floppy', 'file'] },
    { text: 'source: {type: file}\nschedule: {}\n', place: '1:9', says: ['filename', 'path'] },
    { text: 'source: {type: file, filename: 5}\nschedule: {}\n', place: '1:32', says: ['filename', 'path'] },
    {
      text: 'source: {type: file, filename: a}\nschedule:\n  daily: {interval: soon, keep: 9}\n',
      place: '3:21',
      says: ['interval', 'soon'],
    },
    {
      text: 'source: {type: file, filename: a}\nschedule:\n  daily: {interval: 1d, keep: -1}\n',
      place: '3:31',
      says: ['keep', 'whole number'],
    },
    {
      text: 'source: {type: file, filename: a}\nschedule: {}\nrequire-reflnk: true\n',
      place: '3:1',
      says: ['require-reflnk', '"require-reflink"'],
    },
  ])('a broken configuration is located: $place', async ({ text, place, says }) => {
    const directory = scratchForTest();
    const config = join(directory, 'config');
    writeFileSync(config, text);

    await expectFailure((...all) => backy(directory, all), ['backup'], {
      code: 'BACKY_CONFIG_INVALID',
      says: [`${config}:${place}: `, ...says],
    });
  });

  it.each([
    ['a pipe', (path: string) => mustRun('mkfifo', [path])],
    ['a directory', (path: string) => mkdirSync(path)],
  ])('a configuration that is %s is named, and not waited for', async (_, make) => {
    const repository = await emptyRepository();
    rmSync(repository.path('config'));
    await make(repository.path('config'));

    await expectFailure(repository.backy, ['backup'], {
      code: 'BACKY_CONFIG_INVALID',
      says: [`${repository.path('config')}:1:1: it is not a plain file`],
    });
    expect(await repository.backy('status')).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('a broken configuration does not block reading and restoring', async () => {
    const repository = await emptyRepository();
    const { uuid } = await repository.backup();
    writeFileSync(repository.path('config'), '[');

    expect((await repository.backy('find')).stdout).toBe(`${repository.path(uuid)}\n`);
    expect(await repository.backy('verify')).toMatchObject({ exitCode: 0 });
    expect(await repository.backy('status')).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('unknown and ambiguous revisions', async () => {
    const repository = await emptyRepository();
    await expectFailure(repository.backy, ['find'], { code: 'BACKY_REVISION_UNKNOWN', says: ['"last"'] });
    const [first, second] = [await repository.backup(), await repository.backup()];

    for (const [spec, part = spec] of [['2'], ['zebra'], ['tag:weekly'], ['0 & 1'], ['../config', '/config']])
      await expectFailure(repository.backy, ['restore', '-r', spec ?? '', 'target'], {
        code: 'BACKY_REVISION_UNKNOWN',
        says: [`"${part}"`, 'backy status'],
      });
    await expectFailure(repository.backy, ['find', '-r', ''], {
      code: 'BACKY_REVISION_SPEC_INVALID',
      says: ['at column 1 there is the end; expected a revision'],
    });
    await expectFailure(repository.backy, ['verify', '-r', '0 & last(all'], {
      code: 'BACKY_REVISION_SPEC_INVALID',
      says: ['at column 13 there is the end; expected ")"'],
    });
    await expectFailure(repository.backy, ['find', '-r', '0..1'], {
      code: 'BACKY_REVISION_AMBIGUOUS',
      says: [first.uuid, second.uuid, 'last(0..1)'],
    });
    const expression = 'first(manual:1, 0) & ..last';
    expect((await repository.backy('find', '-r', expression)).stdout).toBe(
      `${repository.path(first.uuid)}\n`,
    );
    await expectFailure(repository.backy, ['restore', '-r', first.uuid.slice(0, 6), 'target'], {
      code: 'BACKY_REVISION_AMBIGUOUS',
      says: [first.uuid, second.uuid],
    });
  });

  it('tags that the schedule does not have, and no tags at all', async () => {
    const repository = await emptyRepository();

    await expectFailure(repository.backy, ['backup', 'dayly'], {
      code: 'BACKY_TAG_UNKNOWN',
      says: ['"dayly"', 'daily'],
    });
    await expectFailure(repository.backy, ['backup', 'daily,-x'], {
      code: 'BACKY_TAG_INVALID',
      says: ['"-x"'],
    });
  });

  it('command lines that make no sense', async () => {
    const repository = await emptyRepository();

    for (const [line, says] of [
      [['stauts'], 'status'],
      [['status', '--jsno'], '--json'],
      [['restore'], 'TARGET'],
      [['status', 'of', 'what'], 'backy status --help'],
    ] as const)
      await expectFailure(repository.backy, line, { code: 'BACKY_USAGE', says: [says] });
  });

  it('a repository that is a file, and one whose name contains control characters', async () => {
    const scratch = scratchForTest();
    const hostile = join(scratch, 'a\u001b[2Jb\nc\u202e');
    mkdirSync(hostile);
    const file = join(scratch, 'file');
    writeFileSync(file, '');

    await expectFailure((...all) => backy(file, all), ['status'], {
      code: 'BACKY_NO_REPOSITORY',
      says: [file],
    });
    await expectFailure((...all) => backy(hostile, all), ['status'], {
      code: 'BACKY_NO_REPOSITORY',
      says: ['a\\u001b[2Jb\\nc\\u202e'],
    });
  });
});

describeWith(holdingNeeds, 'a second backup', () => {
  it('learns at once which process the first one is, and does not disturb it', async () => {
    const repository = await emptyRepository(4 * MIB);
    const held = await holdBackup(repository);

    await expectFailure(repository.backy, ['backup', 'manual:second'], {
      code: 'BACKY_LOCKED',
      says: ['Another backup is running', repository.directory, `process ${held.pid}`],
    });

    expect(await held.goOn()).toMatchObject({ exitCode: 0 });
    expect(repository.revisionFiles()).toEqual(filesOf(...(await repository.status()).revisions));
    expect((await repository.status()).revisions).toMatchObject([{ tags: ['manual:held'] }]);
  });
});

function emptyRepository(sizeBytes = 0): Promise<TestRepository> {
  const scratch = scratchForTest();
  const source = join(scratch, 'disk.img');
  makeSparseFile(source, sizeBytes);
  if (sizeBytes > 0) writeFileSync(source, Buffer.alloc(sizeBytes, 1));
  return createRepository(join(scratch, 'repository'), source);
}
