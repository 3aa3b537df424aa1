import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { MIB, randomBytes } from '../../helpers/bytes.ts';
import type { Outcome } from '../../helpers/command.ts';
import { holdAtOpens, holdingNeeds } from '../../helpers/held-command.ts';
import { needsOf, useFilesystem } from '../../helpers/loop-filesystem.ts';
import { describeWith } from '../../helpers/needs.ts';
import { backy, createRepository, type TestRepository } from '../../helpers/repository.ts';
import {
  GROUP_ID,
  letOthersInto,
  NEEDS_OF_SECOND_USER,
  type SharedProgram,
  scratchForOthers,
  shareProgram,
  startAsUser,
  USER_ID,
} from '../../helpers/second-user.ts';

/** Owners of links, directories and files: root, the second user, and somebody else. */
const OWNERS = { root: 0, neighbour: USER_ID, stranger: USER_ID + 7 } as const;
type Owner = keyof typeof OWNERS;

const diskBytes = MIB;
const secret = Buffer.alloc(diskBytes, 'only root may read this\n');

/** Every link, in every directory, to every file: a link counts if it is root's, or of the owner of the file. */
const TABLE = (['root', 'neighbour'] as const).flatMap((link) =>
  (['root', 'neighbour', 'everybody'] as const).flatMap((directory) =>
    (['root', 'neighbour', 'stranger'] as const).map((end) => ({
      link,
      directory,
      end,
      counts: link === 'root' || link === end,
    })),
  ),
);

describeWith([...NEEDS_OF_SECOND_USER, ...holdingNeeds, ...needsOf('xfs')], 'links of others', () => {
  const filesystem = useFilesystem('xfs');
  let program: SharedProgram;

  beforeAll(() => {
    letOthersInto(filesystem);
    program = shareProgram(join(filesystem.directory, 'program'));
  });

  const home = (): string => scratchForOthers(filesystem);

  describe('of a source', () => {
    it.each(TABLE)(
      'link of $link in a directory of $directory to a file of $end counts: $counts',
      async ({ link, directory, end, counts }) => {
        const place = home();
        const { path, file } = linked(place, link, directory, end, randomBytes(diskBytes));
        const repository = await emptyRepository(place, path);

        const outcome = await backy(repository, ['--json', 'backup', 'manual:1']);

        if (counts) {
          expect(outcome).toMatchObject({ exitCode: 0 });
          expect(readFileSync(join(repository, 'last')).equals(readFileSync(file))).toBe(true);
        } else expectRefused(outcome, 'BACKY_LINK_FOREIGN');
        expect(existsSync(join(repository, 'last'))).toBe(counts);
        // No snapshot is made of a file that is not to be read.
        expect(readdirSync(dirname(file))).toEqual(['end.img']);
      },
    );
  });

  describe('of a target', () => {
    it.each(TABLE)(
      'link of $link in a directory of $directory to a file of $end counts: $counts',
      async ({ link, directory, end, counts }) => {
        const { place, repository, disk } = await filled();
        const before = randomBytes(diskBytes);
        const { path, file } = linked(place, link, directory, end, before);

        const outcome = await backy(repository, ['--json', 'restore', path]);

        if (counts) expect(outcome).toMatchObject({ exitCode: 0 });
        else expectRefused(outcome, 'BACKY_LINK_FOREIGN');
        expect(readFileSync(file).equals(counts ? disk : before)).toBe(true);
        expect(lstatSync(file)).toMatchObject({ uid: OWNERS[end], mode: 0o100_600 });
      },
    );
  });

  describe('of a log', () => {
    it.each(TABLE)(
      'link of $link in a directory of $directory to a file of $end counts: $counts',
      async ({ link, directory, end, counts }) => {
        const place = home();
        const repository = await emptyRepository(place, join(place, 'none'));
        const { path, file } = linked(place, link, directory, end, Buffer.from('before\n'));

        const { exitCode, stderr } = await backy(repository, ['-l', path, 'find', '-r', 'none']);

        expect(exitCode).toBe(1);
        const said = stderr.includes(
          `the log ${path} cannot be written: ${path} leads through a symbolic link`,
        );
        expect(said).toBe(!counts);
        const lines = readFileSync(file, 'utf8').split('\n');
        expect(lines.length).toBe(counts ? 3 : 2);
      },
    );
  });

  describe('to a directory on the way', () => {
    it.each([
      { link: 'root', end: 'root', counts: true },
      { link: 'root', end: 'neighbour', counts: true },
      { link: 'neighbour', end: 'neighbour', counts: true },
      { link: 'neighbour', end: 'root', counts: false },
    ] as const)('of $link to one of $end counts: $counts', async ({ link, end, counts }) => {
      const { place, repository, disk } = await filled();
      const [directory, path] = [own(mkdir(join(place, 'end')), end), join(place, 'way/new')];
      makeLink(join(place, 'way'), 'end', link);

      for (const args of [
        ['restore', path],
        ['restore', '--clone', `${path}.clone`],
        ['-l', `${path}.log`, 'find', '-r', 'none'],
      ]) {
        const { stderr } = await backy(repository, ['--json', ...args]);
        expect(stderr.includes('leads through a symbolic link')).toBe(!counts);
      }

      expect(readdirSync(directory).sort()).toEqual(counts ? ['new', 'new.clone', 'new.log'] : []);
      if (counts) expect(readFileSync(join(directory, 'new')).equals(disk)).toBe(true);
    });
  });

  it('are refused to other users as well, but not their own', async () => {
    const place = home();
    const repository = own(mkdir(join(place, 'repository')), 'neighbour');
    const file = own(write(join(place, 'disk.img'), randomBytes(diskBytes), 0o644), 'root');
    makeLink(join(place, 'own'), file, 'neighbour');
    makeLink(join(place, 'strange'), file, 'stranger');
    const backUp = async (path: string): Promise<Outcome> => {
      rmSync(join(repository, 'config'), { force: true });
      writeConfig(repository, path);
      return program.asUser(repository, '--json', 'backup', 'manual:1');
    };

    expect(await backUp(join(place, 'own'))).toMatchObject({ exitCode: 0 });
    expectRefused(await backUp(join(place, 'strange')), 'BACKY_LINK_FOREIGN');
  });

  it('named in the error, in one line', async () => {
    const { place, repository } = await filled();
    const { path } = linked(place, 'neighbour', 'neighbour', 'root', secret);

    const { stderr } = await backy(repository, ['restore', path]);

    expect(stderr).toBe(
      `backy: ${path} leads through a symbolic link that does not count: ${path} belongs to user ${USER_ID}, and what it leads to does not. Name the file itself, or have root or the owner of the file make the link.\n`,
    );
  });

  it('that are hard ones, in directories of others, are neither read nor written through', async () => {
    const { place, repository } = await filled();
    const victim = write(join(mkdir(join(place, 'private')), 'victim'), secret, 0o600);
    const directory = own(mkdir(join(place, 'theirs')), 'neighbour');
    const path = join(directory, 'disk.img');
    linkSync(victim, path);

    expectRefused(await backy(repository, ['--json', 'restore', path]), 'BACKY_FILE_FOREIGN');
    expectRefused(
      await backy(await emptyRepository(place, path), ['--json', 'backup']),
      'BACKY_FILE_FOREIGN',
    );
    const { stderr } = await backy(repository, ['-l', path, 'find', '-r', 'none']);

    expect(stderr).toContain(
      `the log ${path} cannot be written: ${path} may have been put there by somebody else`,
    );
    expect(readFileSync(victim).equals(secret)).toBe(true);
  });

  it('are followed in directories that only their owner may write to', async () => {
    const { place, repository, disk } = await filled();
    const [file, deep] = [join(place, 'there/deep/disk.img'), join(place, 'there/deep')];
    mkdirSync(deep, { recursive: true });
    write(file, randomBytes(diskBytes), 0o600);
    symlinkSync('there/deep/../deep', join(place, 'way'));
    symlinkSync('../disk.img', join(mkdir(join(deep, 'links')), 'relative'));
    symlinkSync(join(place, 'way/links/relative'), join(place, 'absolute'));

    for (const target of ['absolute', 'there/deep/links/../disk.img', './/way/disk.img']) {
      write(file, randomBytes(diskBytes), 0o600);
      const outcome = await backy(repository, ['restore', target], { cwd: place });
      expect(outcome).toMatchObject({ exitCode: 0, stderr: '' });
      expect(readFileSync(file).equals(disk)).toBe(true);
    }
  });

  describe('that are put there meanwhile', () => {
    it.each(['backup', 'restore', 'find'])('lead nowhere at any open of a %s', async (command) => {
      const { place, repository } = await filled();
      const victim = write(join(place, 'victim'), secret, 0o600);
      const directory = own(mkdir(join(place, 'theirs')), 'neighbour');
      const path = join(directory, 'disk.img');
      const args: Record<string, readonly string[]> = {
        backup: ['backup', 'manual:held'],
        restore: ['restore', path],
        find: ['-l', path, 'find', '-r', 'none'],
      };
      if (command === 'backup') writeConfig(repository, path);
      // Every open finds what the one before it did not, or every second one does.
      for (const [period, phase] of [
        [1, 0],
        [2, 0],
        [2, 1],
      ] as const) {
        rmSync(path, { force: true });
        own(write(path, randomBytes(diskBytes), 0o600), 'neighbour');
        makeLink(`${path}.other`, victim, 'neighbour');
        let opens = 0;
        const { stderr } = await holdAtOpens(
          ['-b', repository, ...(args[command] ?? [])],
          ['disk.img', path],
          (count) => {
            opens = count;
            if (count % period === phase) exchange(path, `${path}.other`);
          },
        );
        expect(opens).toBeGreaterThan(1);
        expect(stderr).toMatch(/^(strace: .*\n|backy: .*\n)*$/);
        expect(readFileSync(victim).equals(secret), `${period} ${phase}`).toBe(true);
        expectNoSecret(repository);
        for (const name of readdirSync(directory)) rmSync(join(directory, name));
      }
    });

    it('lead nowhere, however fast they come', async () => {
      const { place, repository } = await filled();
      const victim = write(join(place, 'victim'), secret, 0o600);
      const directory = own(mkdir(join(place, 'theirs')), 'neighbour');
      const path = join(directory, 'disk.img');
      own(write(path, randomBytes(diskBytes), 0o600), 'neighbour');
      makeLink(`${path}.link`, victim, 'neighbour');
      writeConfig(repository, path);
      const swapping = startAsUser(process.execPath, '-e', SWAPPING, path);
      onTestFinished(async () => {
        swapping.signal('SIGKILL');
        await swapping.outcome;
      });

      for (let round = 1; round <= 6; round += 1) {
        await backy(repository, ['backup', `manual:${round}`]);
        await backy(repository, ['restore', '-r', 'first', path]);
        await backy(repository, ['-l', path, 'find', '-r', 'none']);
        expect(readFileSync(victim).equals(secret)).toBe(true);
        expectNoSecret(repository);
      }
    });
  });

  /** A repository with one revision of a disk that root owns. */
  async function filled(): Promise<{ place: string; repository: string; disk: Buffer }> {
    const place = home();
    const disk = randomBytes(diskBytes);
    const source = write(join(mkdir(join(place, 'source')), 'source.img'), disk, 0o600);
    const repository: TestRepository = await createRepository(join(place, 'repository'), source);
    await repository.backup();
    return { place, repository: repository.directory, disk };
  }
});

function exchange(path: string, other: string): void {
  renameSync(path, `${path}.third`);
  renameSync(other, path);
  renameSync(`${path}.third`, other);
}

/** Gives the name of a file to a link, and back, as fast as it can. */
const SWAPPING = `
const { renameSync } = require('node:fs');
const path = process.argv[1];
for (;;) {
  try {
    renameSync(path, path + '.own');
    renameSync(path + '.link', path);
    renameSync(path, path + '.link');
    renameSync(path + '.own', path);
  } catch {}
}`;

/** No image may have a file of root's in it. */
function expectNoSecret(repository: string): void {
  for (const name of readdirSync(repository)) {
    const path = join(repository, name);
    if (!lstatSync(path).isFile()) continue;
    expect(readFileSync(path).includes('only root may read this'), name).toBe(false);
  }
}

/** A link in a directory, and the file that it leads to, which lies in a directory of root's. */
function linked(place: string, link: Owner, directory: Owner | 'everybody', end: Owner, bytes: Buffer) {
  const file = own(write(join(mkdir(join(place, 'ends')), 'end.img'), bytes, 0o600), end);
  const links = mkdir(join(place, 'links'));
  // Without the sticky bit, where fs.protected_symlinks would refuse more than backy does.
  if (directory === 'everybody') chmodSync(links, 0o777);
  else own(links, directory);
  const path = join(links, 'disk.img');
  makeLink(path, file, link);
  return { path, file };
}

function makeLink(path: string, end: string, owner: Owner): void {
  symlinkSync(end, path);
  lchownSync(path, OWNERS[owner], owner === 'root' ? 0 : GROUP_ID);
}

function own(path: string, owner: Owner): string {
  chownSync(path, OWNERS[owner], owner === 'root' ? 0 : GROUP_ID);
  return path;
}

function mkdir(path: string): string {
  mkdirSync(path, { mode: 0o755 });
  return path;
}

function write(path: string, bytes: Buffer, mode: number): string {
  writeFileSync(path, bytes, { mode });
  return path;
}

async function emptyRepository(place: string, source: string): Promise<string> {
  const repository = mkdir(join(place, `repository-of-${basename(source)}`));
  writeConfig(repository, source);
  return repository;
}

function writeConfig(repository: string, source: string): void {
  writeFileSync(
    join(repository, 'config'),
    `source:\n  type: file\n  filename: ${source}\nschedule:\n  daily:\n    interval: 1d\n    keep: 9\n`,
  );
  chownSync(join(repository, 'config'), lstatSync(repository).uid, lstatSync(repository).gid);
}

function expectRefused({ exitCode, stdout, stderr }: Outcome, code: string): void {
  const last: unknown = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '{}');
  expect({ exitCode, stdout, last }).toEqual({
    exitCode: 1,
    stdout: '',
    last: expect.objectContaining({ code }),
  });
}
