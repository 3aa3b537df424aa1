import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { RevisionRecord } from '../../src/domain/revision.ts';
import { MIB, randomBytes, writeAt } from '../helpers/bytes.ts';
import type { Outcome } from '../helpers/command.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import {
  GROUP_ID,
  letOthersInto,
  NEEDS_OF_SECOND_USER,
  type SharedProgram,
  shareProgram,
  USER_ID,
} from '../helpers/second-user.ts';

const diskBytes = 4 * MIB;

describeWith([...NEEDS_OF_SECOND_USER, ...needsOf('xfs', 'ext4')], 'the repository of a service user', () => {
  const [xfs, ext4] = [useFilesystem('xfs'), useFilesystem('ext4')];
  let program: SharedProgram;
  beforeAll(() => {
    program = shareProgram(join(ext4.directory, 'program'));
    for (const filesystem of [xfs, ext4]) letOthersInto(filesystem);
  });

  it.each([
    ['on the filesystem of the source', () => xfs],
    ['without reflinks', () => ext4],
  ])('stays one, whatever root does in it: %s', async (_, place) => {
    const { repository, source } = usersPlace(xfs.scratch(), place().scratch());
    const everything = async (run: (...args: readonly string[]) => Promise<Outcome>): Promise<void> => {
      const works = async (...args: readonly string[]): Promise<string> => {
        const { exitCode, stdout, stderr } = await run(...args);
        expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 0, stderr: expect.anything() });
        return stdout;
      };
      const backup = async (tag: string): Promise<string> => {
        writeAt(source, MIB, randomBytes(4096));
        const { record }: { record: RevisionRecord } = JSON.parse(
          await works('--json', 'backup', `manual:${tag}`),
        );
        return record.uuid;
      };
      const first = await backup('first');
      const second = await backup('second');
      await works('tags', 'add', '-r', first, 'manual:more');
      await works('hold', '-r', first, 'audit');
      await works('release', '-r', first);
      await works('verify', '-r', 'last');
      await works('distrust', '-r', second);
      await works('forget', '-r', second);
      await works('undelete', '-r', second);
      await works('forget', '-r', second);
      await works('expire', '--yes');
      await works('purge');
      await works('status');
      await works('status', '--all');
      await works('doctor');
      await works('find', '-r', first);
      await works('schedule', '3');
      await rot(join(repository, first));
      expect((await run('verify', '-r', first)).exitCode).toBe(1);
      await backup('third');
    };
    // Root trusts the user, and says so: by itself it acts by no configuration of somebody else.
    const asRoot = (...args: readonly string[]) => program.asRoot(repository, '--trust-repository', ...args);
    const asUser = (...args: readonly string[]) => program.asUser(repository, ...args);
    expect((await asRoot('init', 'file', source)).exitCode).toBe(0);

    await everything(asRoot);
    expect(foreignFilesIn(repository)).toEqual([]);
    expect(foreignFilesIn(join(source, '..'))).toEqual([]);

    await everything(asUser);
    expect(foreignFilesIn(repository)).toEqual([]);
    expect(looseFilesIn(repository)).toEqual([]);
  });

  it('names unreadable records without calling them damaged', async () => {
    const { repository, source } = usersPlace(xfs.scratch(), ext4.scratch());
    const asUser = (...args: readonly string[]) => program.asUser(repository, ...args);
    expect(await asUser('init', 'file', source)).toMatchObject({ exitCode: 0 });
    await asUser('backup', 'manual:first');
    await asUser('backup', 'manual:second');
    const ids = readdirSync(repository).filter((name) => name.endsWith('.rev') && !name.startsWith('last'));
    const [first = '', second = ''] = ids.sort().map((name) => name.slice(0, -'.rev'.length));
    const take = (name: string): void => chownSync(join(repository, name), 0, 0);

    take(`${second}.rev`);

    const status = await asUser('-v', 'status');
    expect(status.exitCode).toBe(1);
    expect(status.stdout).toMatch(new RegExp(`${second}.* unreadable .*permission denied.*chown`));
    expect(status.stdout).toContain('1 unreadable revision\n');
    expect(status.stdout).not.toContain('damaged');
    for (const args of [
      ['find'],
      ['restore', '-'],
      ['verify', '-r', 'last'],
      ['hold', '-r', second, 'audit'],
    ]) {
      const { exitCode, stdout, stderr } = await asUser(...args);
      expect({ args, exitCode, stdout }).toEqual({ args, exitCode: 1, stdout: '' });
      expect(stderr).toMatch(/^backy: [^\n]*permission denied[^\n]*chown[^\n]*\n$/);
    }
    const all = await asUser('verify');
    expect(all.exitCode).toBe(1);
    expect(all.stdout).toMatch(new RegExp(`${second} unknown .*permission denied`));
    expect(all.stdout).toMatch(new RegExp(`${first} good`));
    const backup = await asUser('backup', 'manual:third');
    expect(backup).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('is left out') });
    chownSync(join(repository, `${second}.rev`), USER_ID, GROUP_ID);

    for (const name of [second, `${second}.hashes`]) {
      take(name);
      const { exitCode, stdout } = await asUser('verify', '-r', second);
      expect(exitCode).toBe(1);
      expect(stdout).toMatch(/ unknown .*permission denied.*chown/);
      const restored = await asUser('restore', '-r', second, '-');
      expect(restored.exitCode).toBe(1);
      expect(restored.stderr).toMatch(/^backy: [^\n]*permission denied[^\n]*chown[^\n]*\n$/);
      chownSync(join(repository, name), USER_ID, GROUP_ID);
    }

    const { stdout, exitCode } = await asUser('verify');
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: expect.not.stringMatching(/bad|distrusted/),
    });
    expect(readdirSync(repository)).not.toContain('quarantine');
  });
});

/** A source and an empty repository directory that belong to the second user. */
function usersPlace(
  sources: string,
  repositories: string,
): { readonly repository: string; readonly source: string } {
  const [home, repository] = [join(sources, 'images'), join(repositories, 'repository')];
  for (const directory of [sources, repositories]) chmodSync(directory, 0o755);
  for (const directory of [home, repository]) {
    mkdirSync(directory, { mode: 0o700 });
    chownSync(directory, USER_ID, GROUP_ID);
  }
  const source = join(home, 'disk.img');
  writeFileSync(source, randomBytes(diskBytes));
  chownSync(source, USER_ID, GROUP_ID);
  return { repository, source };
}

async function rot(image: string): Promise<void> {
  const { mode } = lstatSync(image);
  chmodSync(image, 0o600);
  writeAt(image, 2 * MIB, randomBytes(4096));
  chmodSync(image, mode);
}

/** Lists the files that do not belong to the second user. */
function foreignFilesIn(directory: string): readonly string[] {
  return entriesOf(directory).filter((path) => {
    const { uid, gid } = lstatSync(path);
    return uid !== USER_ID || gid !== GROUP_ID;
  });
}

/** Lists the files that other users may read or write. */
function looseFilesIn(directory: string): readonly string[] {
  return entriesOf(directory).filter((path) => {
    const stats = lstatSync(path);
    return !stats.isSymbolicLink() && (stats.mode & 0o077) !== 0;
  });
}

function entriesOf(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name));
}
