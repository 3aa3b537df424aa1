import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { MIB, randomBytes } from '../helpers/bytes.ts';
import { mustRun, run } from '../helpers/command.ts';
import { expectFailure } from '../helpers/failure.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, cutOff, filesOf, type TestRepository } from '../helpers/repository.ts';

/** DESIGN: damage stays local, and the next run cleans up unaided. */
describeWith([...needsOf('xfs'), 'command chattr'], 'a file that cannot be moved or removed', () => {
  const filesystem = useFilesystem('xfs');

  async function filledRepository() {
    const scratch = filesystem.scratch();
    const source = join(scratch, 'disk.img');
    writeFileSync(source, randomBytes(MIB));
    const repository = await createRepository(join(scratch, 'repository'), source);
    const records = [await repository.backup(), await repository.backup(), await repository.backup()];
    const [first = expect.unreachable(), ...rest] = records;
    return { repository, first, rest };
  }

  it('keeps its revision from being forgotten, and nothing else from anything', async () => {
    const { repository, first, rest } = await filledRepository();
    const image = repository.path(first.uuid);
    await makeImmutable(image);

    expect(await repository.backy('forget', '-r', '2..1')).toMatchObject({ exitCode: 1 });
    await expectFailure(repository.backy, ['forget', '-r', first.uuid], {
      code: 'BACKY_IO',
      says: [`Cannot rename ${image}: operation not permitted`, 'lsattr'],
    });

    const status = await repository.status();
    expect(status.revisions.map(({ uuid }) => uuid)).toEqual([first.uuid, rest[1]?.uuid]);
    expect(status.trash.map(({ record }) => record.uuid)).toEqual([rest[0]?.uuid]);
    await worksUnaided(repository);
    expect(await repository.backy('undelete', '-r', rest[0]?.uuid ?? '')).toMatchObject({ exitCode: 0 });
    expect(await repository.verify()).toMatchObject({ good: true });
  });

  it('is moved as soon as it can be, when an earlier run left it behind', async () => {
    const { repository, first } = await filledRepository();
    await repository.backy('forget', '-r', first.uuid);
    const batch = repository.path(join('.trash', readdirSync(repository.path('.trash'))[0] ?? ''));
    await mustRun('mv', [join(batch, first.uuid), repository.path(first.uuid)]);
    const thaw = await makeImmutable(repository.path(first.uuid));

    const { exitCode, stderr } = await repository.backy('backup', 'manual:x');

    expect(exitCode).toBe(0);
    expect(stderr).toContain(`Cannot rename ${repository.path(first.uuid)}: operation not permitted`);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(repository.revisionFiles()).toContain(first.uuid);
    await thaw();
    await worksUnaided(repository);
    expect(readdirSync(batch)).toEqual(filesOf(first));
  });

  it('as a copy from the trash is a revision again, and the trash is still purged', async () => {
    const { repository, first } = await filledRepository();
    await repository.backy('forget', '-r', first.uuid);
    for (const batch of readdirSync(repository.path('.trash')))
      cpSync(repository.path(join('.trash', batch)), repository.directory, { recursive: true });

    await worksUnaided(repository);

    expect(repository.revisionFiles()).toEqual(expect.arrayContaining([...filesOf(first)]));
    expect(await repository.backy('purge')).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await repository.verify()).toMatchObject({ good: true });
  });

  it('as a directory in the place of a record stays, and is named', async () => {
    const { repository } = await filledRepository();
    const id = '01900000-0000-7000-8000-000000000000';
    mkdirSync(repository.path(`${id}.rev`));
    expect(await repository.backy('forget', '-r', id)).toMatchObject({ exitCode: 0 });

    const { exitCode, stderr } = await repository.backy('purge');

    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: expect.stringMatching(
        new RegExp(`^backy: warning: ${id} stays .*${id}\\.rev\\.partial: it is a directory`),
      ),
    });
    expect(await repository.backy('backup', 'manual:x')).toMatchObject({ exitCode: 0 });
  });

  it.each([
    { kind: 'a pipe', make: (path: string) => mustRun('mkfifo', [path]) },
    { kind: 'a link', make: (path: string) => symlinkSync('/etc/passwd', path) },
    { kind: 'a directory', make: (path: string) => mkdirSync(path) },
  ])('as $kind in the place of a file keeps no other revision from going', async ({ make }) => {
    const { repository, first, rest } = await filledRepository();
    const [second = expect.unreachable()] = rest;
    for (const path of [repository.path(first.uuid), repository.path(`${second.uuid}.rev`)]) {
      rmSync(path);
      await make(path);
    }

    const { exitCode, stdout } = await repository.backy('forget', '--yes-the-last', '-r', 'tag:manual:3');

    expect({ exitCode, stdout }).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/estimated: .* is not a plain file/),
    });
    expect(await repository.backy('expire', '-n')).toMatchObject({ exitCode: 0 });
    expect(await repository.backy('expire', '--yes')).toMatchObject({ exitCode: 0 });
    for (const { uuid } of [first, second])
      expect(await repository.backy('forget', '--yes-the-last', '-r', uuid)).toMatchObject({ exitCode: 0 });
    expect(repository.revisionFiles()).toEqual([]);
  });

  it('as a leftover stays, and is named', async () => {
    const { repository } = await filledRepository();
    const [partial = ''] = cutOff(repository, '01900000-0000-7000-8000-000000000000', '.partial');
    await makeImmutable(repository.path(partial));

    const { exitCode, stderr } = await repository.backy('backup', 'manual:x');

    expect(exitCode).toBe(0);
    expect(stderr).toContain(`Cannot remove ${repository.path(partial)}: operation not permitted`);
  });

  async function worksUnaided(repository: TestRepository): Promise<void> {
    expect(await repository.backy('backup', 'manual:x')).toMatchObject({ exitCode: 0, stderr: '' });
  }

  async function makeImmutable(path: string): Promise<() => Promise<unknown>> {
    await mustRun('chattr', ['+i', path]);
    const thaw = () => run('chattr', ['-i', path]);
    onTestFinished(async () => {
      await thaw();
    });
    return thaw;
  }
});
