import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { MIB, randomBytes } from '../../helpers/bytes.ts';
import { run } from '../../helpers/command.ts';
import { expectFailure } from '../../helpers/failure.ts';
import { holdingNeeds, holdRestore } from '../../helpers/held-command.ts';
import { needsOf, useFilesystem } from '../../helpers/loop-filesystem.ts';
import { describeWith } from '../../helpers/needs.ts';
import { createRepository, PROGRAM, type TestRepository } from '../../helpers/repository.ts';
import {
  GROUP_ID,
  letOthersInto,
  NEEDS_OF_SECOND_USER,
  scratchForOthers,
  USER_ID,
} from '../../helpers/second-user.ts';

const stranger = USER_ID + 7;
/** More than is read at once, so that a restore can be held in the middle. */
const diskBytes = 4 * MIB;

/** Directories in which others may create files, and files that are there. */
const TABLE = [
  { directory: 'sticky', mode: 0o1777, owner: 0, file: USER_ID, refused: true },
  { directory: 'world-writable', mode: 0o777, owner: 0, file: USER_ID, refused: true },
  { directory: 'group-writable', mode: 0o775, owner: 0, file: USER_ID, refused: true },
  { directory: 'group-writable', mode: 0o770, owner: USER_ID, file: stranger, refused: true },
  { directory: 'another user’s', mode: 0o755, owner: USER_ID, file: stranger, refused: true },
  { directory: 'another user’s', mode: 0o755, owner: USER_ID, file: USER_ID, refused: false },
  { directory: 'sticky', mode: 0o1777, owner: 0, file: 0, refused: false },
  { directory: 'sticky', mode: 0o1777, owner: USER_ID, file: USER_ID, refused: false },
  { directory: 'root’s', mode: 0o755, owner: 0, file: USER_ID, refused: false },
] as const;

describeWith([...NEEDS_OF_SECOND_USER, ...holdingNeeds, ...needsOf('xfs')], 'files of others', () => {
  const filesystem = useFilesystem('xfs');
  let repository: TestRepository;
  let disk: Buffer;

  beforeAll(async () => {
    letOthersInto(filesystem);
    const source = join(filesystem.directory, 'source.img');
    disk = randomBytes(diskBytes);
    writeFileSync(source, disk);
    repository = await createRepository(join(filesystem.directory, 'repository'), source);
    await repository.backup();
  });

  const home = (): string => scratchForOthers(filesystem);

  describe('as the target of a restore', () => {
    it.each(TABLE)(
      'in a directory that is $directory ($mode of $owner), of user $file: refused $refused',
      async ({ mode, owner, file, refused }) => {
        const [path, before] = [join(directoryOf(home(), mode, owner), 'disk.img'), randomBytes(1000)];
        writeFileSync(path, before, { mode: 0o600 });
        chownSync(path, file, 0);

        if (refused)
          await expectFailure(repository.backy, ['restore', path], {
            code: 'BACKY_FILE_FOREIGN',
            says: [path, `it belongs to user ${file}`, 'take it over with chown'],
          });
        else expect(await repository.backy('restore', path)).toMatchObject({ exitCode: 0, stderr: '' });

        expect(readFileSync(path).equals(refused ? before : disk)).toBe(true);
        expect(lstatSync(path)).toMatchObject({ uid: file, mode: 0o100_600 });
      },
    );

    it.each([0o666, 0o640, 0o604])('that others may open, mode %o, are warned of', async (mode) => {
      const path = join(home(), 'disk.img');
      writeFileSync(path, '');
      chmodSync(path, mode);
      const text = `the target ${path} has the mode 0${mode.toString(8)}, so that others may read or change the disk; "chmod 600 ${path}" keeps it private`;

      const plain = await repository.backy('restore', path);
      const json = await repository.backy('--json', 'restore', path);

      expect(plain).toMatchObject({ exitCode: 0, stderr: `backy: warning: ${text}\n` });
      expect(JSON.parse(json.stderr)).toEqual({ messageType: 'warning', message: text });
    });

    it('that are new are for their owner alone, wherever they are', async () => {
      for (const [mode, owner] of [
        [0o1777, 0],
        [0o777, USER_ID],
      ] as const) {
        const path = join(directoryOf(home(), mode, owner), 'disk.img');
        expect(await repository.backy('restore', path)).toMatchObject({ exitCode: 0, stderr: '' });
        expect(lstatSync(path)).toMatchObject({ uid: 0, mode: 0o100_600 });
      }
    });
  });

  describe('that replace the file of a running restore', () => {
    it('are never reported as restored', async () => {
      const directory = directoryOf(home(), 0o755, USER_ID);
      const held = await holdRestore(repository, repository.path(await newest()), directory);
      const [partial = ''] = readdirSync(directory);
      renameSync(join(directory, partial), join(directory, 'moved'));
      writeFileSync(join(directory, partial), 'theirs');
      chownSync(join(directory, partial), USER_ID, GROUP_ID);

      const { exitCode, stderr } = await held.goOn();

      expect({ exitCode, stderr }).toEqual({
        exitCode: 1,
        stderr: expect.stringMatching(/^backy: .*target was replaced by another file[^\n]*\n$/),
      });
    });

    it('as its directory do not lead it elsewhere', async () => {
      const place = home();
      const directory = directoryOf(place, 0o755, USER_ID);
      mkdirSync(join(place, 'roots'));
      const held = await holdRestore(repository, repository.path(await newest()), directory);
      renameSync(directory, `${directory}.moved`);
      symlinkSync(join(place, 'roots'), directory);

      expect(await held.goOn()).toMatchObject({ exitCode: 0 });

      expect(readdirSync(join(place, 'roots'))).toEqual([]);
      expect(readFileSync(join(`${directory}.moved`, 'target')).equals(disk)).toBe(true);
      expect(readdirSync(`${directory}.moved`)).toEqual(['target']);
    });
  });

  describe('that are pipes', () => {
    it('are refused in one line as source, target and configuration', async () => {
      const place = home();
      const pipe = pipeIn(place, 0);
      const other = await createRepository(join(place, 'other'), join(filesystem.directory, 'source.img'));

      await expectFailure(repository.backy, ['restore', pipe], {
        code: 'BACKY_TARGET_KIND',
        says: [pipe, 'a pipe'],
      });
      const config = readFileSync(other.path('config'), 'utf8');
      writeFileSync(other.path('config'), config.replace(repository.source, pipe));
      await expectFailure(other.backy, ['backup', 'manual:1'], { code: 'BACKY_SOURCE_KIND', says: [pipe] });
      rmSync(other.path('config'));
      execFileSync('mkfifo', [other.path('config')]);
      await expectFailure(other.backy, ['backup', 'manual:1'], {
        code: 'BACKY_CONFIG_INVALID',
        says: [other.path('config'), 'not a plain file'],
      });
    });

    it.each([
      ['nobody reads', 0, 'a pipe that nobody reads'],
      ['belong to others', USER_ID, 'a pipe of somebody else'],
    ])('that %s are no log, and hold nothing up', async (_, owner, kind) => {
      const pipe = pipeIn(home(), owner);

      const { exitCode, stdout, stderr } = await repository.backy('-l', pipe, 'restore', '-');

      expect({ exitCode, stderr }).toEqual({
        exitCode: 0,
        stderr: `backy: warning: the log ${pipe} cannot be written: The log ${pipe} is ${kind}. Name a file, a terminal, or a pipe of your own that is read\n`,
      });
      expect(stdout).not.toBe('');
    });
  });

  describe('as a log', () => {
    it.each([
      ['a directory', (place: string) => place],
      ['a block device', () => '/dev/loop0'],
    ])('that is %s is refused in one line', async (kind, pathIn) => {
      const path = pathIn(home());
      if (!existsSync(path)) return;
      const { stderr } = await repository.backy('-l', path, 'find', '-r', 'none');
      expect(stderr).toMatch(new RegExp(`^[^\\n]*The log ${path} is ${kind}\\.[^\\n]*\\n[^\\n]*\\n$`));
    });

    it('in a directory that all may write to is refused if somebody else has made it', async () => {
      const path = join(directoryOf(home(), 0o1777, 0), 'backy.log');
      writeFileSync(path, 'theirs\n', { mode: 0o666 });
      chownSync(path, USER_ID, GROUP_ID);

      const { stderr } = await repository.backy('-l', path, 'find', '-r', 'none');

      expect(stderr).toContain(
        `the log ${path} cannot be written: ${path} may have been put there by somebody else`,
      );
      expect(readFileSync(path, 'utf8')).toBe('theirs\n');
    });

    it.each([
      ['/dev/stderr', '2>&1 >/dev/null | cat'],
      ['/dev/stdout', '2>/dev/null | cat'],
      ['/proc/self/fd/3', '3>&1 >/dev/null 2>&1 | cat'],
      ['/dev/fd/3', '3>&1 >/dev/null 2>&1 | cat'],
      ['/dev/fd/3', '3>"$SCRATCH/file" >/dev/null 2>&1; cat "$SCRATCH/file"'],
      ['"$SCRATCH/new.log"', '>/dev/null 2>&1; cat "$SCRATCH/new.log"'],
      ['new.log', '>/dev/null 2>&1; cat new.log'],
      ['./../$(basename $PWD)/new.log', '>/dev/null 2>&1; cat new.log'],
      ['>(cat)', '2>/dev/null'],
      ['"$SCRATCH/link"', '>/dev/null 2>&1; cat "$SCRATCH/behind"'],
    ])('may be %s (%s)', async (log, rest) => {
      const place = home();
      symlinkSync('behind', join(place, 'link'));
      const script = `"$NODE" "$PROGRAM" -b "$REPOSITORY" -l ${log} find -r none ${rest}`;

      const { stdout } = await run('bash', ['-c', `${script}; wait`], {
        cwd: place,
        env: environment(place),
      });

      expect(stdout).toMatch(/^\S+Z error {3}No revision matches "none"/m);
    });

    it('may be the null device, and a socket that is standard error', async () => {
      const nothing = await repository.backy('-l', '/dev/null', 'find', '-r', 'none');
      expect(nothing.stderr).not.toContain('cannot be written');
      // Node gives its children sockets.
      const socket = await repository.backy('-l', '/dev/stderr', 'find', '-r', 'none');
      expect(socket.stderr).toMatch(/^\S+Z error {3}No revision matches "none"/m);
    });

    it('is not waited for when its reader takes nothing', async () => {
      const place = home();
      const pipe = pipeIn(place, 0);
      const full =
        'exec 9<>"$PIPE"; head -c 65536 /dev/zero >&9; "$NODE" "$PROGRAM" -b "$REPOSITORY" -l "$PIPE" find';

      const { exitCode, stderr } = await run('bash', ['-c', `${full} -r none`], {
        env: { ...environment(place), PIPE: pipe },
      });

      expect({ exitCode, stderr }).toEqual({
        exitCode: 1,
        stderr: expect.stringMatching(
          /^backy: warning: the log .* cannot be written: .*EAGAIN.*\nbacky: No revision/,
        ),
      });
    });
  });

  async function newest(): Promise<string> {
    const { stdout } = await repository.backy('find');
    return basename(stdout.trim());
  }

  function environment(place: string): Record<string, string> {
    return { NODE: process.execPath, PROGRAM, REPOSITORY: repository.directory, SCRATCH: place };
  }
});

function directoryOf(place: string, mode: number, owner: number): string {
  const directory = join(place, 'directory');
  mkdirSync(directory);
  chmodSync(directory, mode);
  chownSync(directory, owner, 0);
  return directory;
}

function pipeIn(place: string, owner: number): string {
  const pipe = join(place, 'pipe');
  execFileSync('mkfifo', [pipe]);
  chownSync(pipe, owner, 0);
  return pipe;
}
