import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backy, mustRun, type Outcome, PROGRAM, readAt, run, writeAt } from '../tests.ts';
import { said, smallRepository } from './small-repository.ts';

describe('a link or pipe planted in a repository (F16)', () => {
  it('is not followed as the trash or as one of its batches', async () => {
    const { scratch, repository } = await smallRepository();
    const [first] = [await repository.backup(), await repository.backup()];
    const elsewhere = join(scratch, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, `${first.uuid}.rev`), 'of somebody else');
    symlinkSync(elsewhere, repository.path('.trash'));

    expect(await repository.backy('forget', '-r', first.uuid)).toMatchObject({ exitCode: 1 });
    expect(await repository.backy('purge')).toMatchObject({ exitCode: 0 });

    expect(readdirSync(elsewhere)).toEqual([`${first.uuid}.rev`]);
    expect((await repository.status()).revisions.length).toBe(2);
    renameSync(repository.path('.trash'), join(scratch, 'link'));
    mkdirSync(repository.path('.trash'), { mode: 0o700 });
    symlinkSync(elsewhere, repository.path('.trash/20260101T000000000Z'));
    expect(await repository.backy('purge')).toMatchObject({ exitCode: 0 });
    expect(readFileSync(join(elsewhere, `${first.uuid}.rev`), 'utf8')).toBe('of somebody else');
  });

  it('is not written through as the quarantine', async () => {
    const { scratch, repository } = await smallRepository();
    const { uuid } = await repository.backup();
    const elsewhere = join(scratch, 'elsewhere');
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, repository.path('quarantine'));
    chmodSync(repository.path(uuid), 0o600);
    const [byte = 0] = readAt(repository.path(uuid), 0, 1);
    writeAt(repository.path(uuid), 0, Buffer.of(byte ^ 1));

    // A repair keeps the damaged block first. Without a place for it, nothing is healed.
    for (const args of [['verify'], ['verify', '--repair']])
      expect(await repository.backy(...args)).toMatchObject({ exitCode: 1 });

    expect(readdirSync(elsewhere)).toEqual([]);
    expect(readAt(repository.path(uuid), 0, 1)).toEqual(Buffer.of(byte ^ 1));
  });

  it('is neither read nor written through as the cache of totals', async () => {
    const { scratch, repository } = await smallRepository();
    await repository.backup();
    const victim = join(scratch, 'victim');
    writeFileSync(victim, 'precious');
    symlinkSync(victim, repository.path('.revisions'));
    const { exitCode, stdout } = await backy(scratch, ['--json', 'status', '--all']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).repositories).toMatchObject([{ name: 'repository', totals: { revisions: 1 } }]);
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });

  it.each(['.revisions', 'backy.log', '.trash', 'last', 'quarantine'])(
    'blocks no command in the place of %s',
    async (name) => {
      const { scratch, repository } = await smallRepository();
      const { uuid } = await repository.backup();
      rmSync(repository.path(name), { force: true, recursive: true });
      await mustRun('mkfifo', [repository.path(name)]);
      const limited = (directory: string, ...args: readonly string[]): Promise<Outcome> =>
        run('timeout', ['--signal', 'KILL', '60', process.execPath, PROGRAM, '-b', directory, ...args]);
      const outcomes = [
        await limited(scratch, 'status', '--all'),
        await limited(repository.directory, 'status'),
        await limited(repository.directory, 'verify'),
        await limited(repository.directory, 'backup', 'manual:x'),
      ];

      expect(
        outcomes.map(({ exitCode }) => exitCode),
        outcomes.map(said).join(''),
      ).toEqual([0, 0, 0, 0]);
      expect(repository.revisionFiles()).toContain(uuid);
    },
  );

  it('works as the path of a repository, and nothing appears beside the link', async () => {
    const { scratch, repository } = await smallRepository();
    const link = join(scratch, 'link');
    symlinkSync(repository.directory, link);
    const before = readdirSync(scratch).sort();
    expect(await backy(link, ['backup', 'manual:x', '--force'])).toMatchObject({ exitCode: 0 });
    const others = readdirSync(scratch).filter((name) => !name.startsWith('.disk.img.backy-'));
    expect(others.sort()).toEqual(before.filter((name) => !name.startsWith('.disk.img.backy-')));
    expect((await repository.status()).revisions.length).toBe(1);
  });
});
