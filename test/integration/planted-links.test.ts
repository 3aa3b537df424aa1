import {
  lstatSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectSameBytes, MIB, randomBytes } from '../helpers/bytes.ts';
import { expectFailure } from '../helpers/failure.ts';
import { createRepository, cutOff, type TestRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

const secret = 'a file of somebody else\n';

describe('symbolic links planted in a repository', () => {
  let repository: TestRepository;
  let victim: string;

  beforeEach(async () => {
    const scratch = scratchForTest();
    victim = join(scratch, 'victim');
    writeFileSync(victim, secret, { mode: 0o644 });
    const source = join(scratch, 'disk.img');
    writeFileSync(source, randomBytes(MIB));
    repository = await createRepository(join(scratch, 'repository'), source);
  });

  afterEach(() => {
    expect(readFileSync(victim, 'utf8')).toBe(secret);
    expect(lstatSync(victim).mode & 0o777).toBe(0o644);
  });

  it.each(['.backup', '.purge'])('as the lock %s stop the backup', async (lock) => {
    symlinkSync(victim, repository.path(lock));

    await expectFailure(repository.backy, ['backup'], {
      code: 'BACKY_IO',
      says: [repository.path(lock), 'it is a symbolic link'],
    });

    expect(repository.revisionFiles()).toEqual([]);
  });

  it('as a lock that does not exist yet create nothing elsewhere', async () => {
    const elsewhere = `${victim}.new`;
    symlinkSync(elsewhere, repository.path('.backup'));

    expect(await repository.backy('backup')).toMatchObject({ exitCode: 1 });

    expect(() => lstatSync(elsewhere)).toThrow('ENOENT');
  });

  it('as leftovers are removed, and their targets stay', async () => {
    const id = '01900000-0000-7000-8000-000000000000';
    const temporary = `.tmp-backy-1-2-${(BigInt(Date.now()) * 1_000_000n).toString(16)}`;
    const links = [`${id}.partial`, `${id}.hashes.partial`, id, `${id}.hashes`, temporary];
    for (const name of links) symlinkSync(victim, repository.path(name));
    const names = [...links, ...cutOff(repository, id)];

    const { exitCode, stdout } = await repository.backy('purge');

    expect({ exitCode, removed: stdout.trimEnd().split('\n').sort() }).toEqual({
      exitCode: 0,
      removed: [...names].sort(),
    });
    expect(repository.revisionFiles()).toEqual([]);
  });

  it('as last are replaced, and their targets stay', async () => {
    for (const name of ['last', 'latest', 'last.rev']) symlinkSync(victim, repository.path(name));

    const { uuid } = await repository.backup();

    expect(readlinkSync(repository.path('last'))).toBe(uuid);
    await expectSameBytes(repository.path('last'), repository.source);
  });

  it('as the log are not written to, with one warning', async () => {
    rmSync(repository.path('backy.log'));
    symlinkSync(victim, repository.path('backy.log'));

    const { exitCode, stderr } = await repository.backy('backup');

    expect(exitCode).toBe(0);
    expect(stderr.match(/^backy: warning: the log .*backy\.log cannot be written: .*$/gm)).toHaveLength(1);
  });

  it.each([
    { name: 'image', suffix: '' },
    { name: 'index', suffix: '.hashes' },
  ])('as the $name of a revision are not read, nor cloned from', async ({ suffix }) => {
    const { uuid } = await repository.backup();
    const path = repository.path(uuid + suffix);
    renameSync(path, `${victim}.moved`);
    symlinkSync(`${victim}.moved`, path);

    await expectFailure(repository.backy, ['restore', '-r', uuid, `${victim}.restored`], {
      code: 'BACKY_IO',
      says: [path, 'it is a symbolic link'],
    });
    expect(await repository.verify()).toMatchObject({ good: false, verdicts: [{ uuid, verdict: 'bad' }] });
    const next = await repository.backup();
    expect(next.parent).toBeNull();
    await expectSameBytes(repository.path(next.uuid), repository.source);
  });

  it('as a record make that revision damaged', async () => {
    const { uuid } = await repository.backup();
    const path = repository.path(`${uuid}.rev`);
    renameSync(path, `${victim}.rev`);
    symlinkSync(`${victim}.rev`, path);

    expect(await repository.status()).toMatchObject({ revisions: [], damaged: [{ uuid }] });
    expect(await repository.backy('backup', 'daily')).toMatchObject({ exitCode: 0 });
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
  });
});
