import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeSparseFile } from '../helpers/bytes.ts';
import { type Outcome, run } from '../helpers/command.ts';
import { expectFailure, expectOneLine } from '../helpers/failure.ts';
import { backy, createRepository, PROGRAM, type TestRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

describe('invalid arguments of a command', () => {
  it.each([
    ['a target', 'restore "$(printf "bad\\377")"'],
    ['a repository', '-b "$(printf "bad\\377")" init file ../disk.img'],
    ['a source', 'init file "$(printf "bad\\377")"'],
  ])('names that are not UTF-8: %s', async (_, line) => {
    const { directory, path } = await makeRepository();
    const before = readdirSync(directory);

    await expectFailure((...args) => shell([...args, line].join(' '), directory), [], {
      code: 'BACKY_USAGE',
      says: ['The argument "bad\ufffd" is not UTF-8'],
    });

    expect(readdirSync(directory)).toEqual(before);
    expect(existsSync(path('bad\ufffd'))).toBe(false);
  });

  it('a working directory that is not UTF-8', async () => {
    const scratch = scratchForTest();
    const there = 'there="$(printf "bad\\377")"; mkdir "$there"; cd "$there"';

    expectOneLine(await shell('init file disk.img', scratch, there), ['working directory', 'is not UTF-8']);

    expect(readdirSync(scratch, 'buffer')).toEqual([Buffer.from([0x62, 0x61, 0x64, 0xff])]);
  });

  it('a standard output that is closed', async () => {
    const { directory, backup } = await makeRepository();
    await backup();

    expectOneLine(await shell('restore - >&-', directory), ['Cannot write standard output: it is closed']);
    expect(await shell('restore - >/dev/null', directory)).toMatchObject({ exitCode: 0 });
  });

  it('a working directory that was removed', async () => {
    const { directory } = await makeRepository();
    const away = 'mkdir gone; cd gone; rmdir ../gone';

    expectOneLine(await shell('status', directory, away), ['Cannot find the working directory']);
    expect(await shell(`-b ${directory} status`, directory, away)).toMatchObject({ exitCode: 0 });
  });

  it.each(['abc', '0', '-1', '1.5', '2000'])('an invalid number of threads: %s', async (count) => {
    const { directory } = await makeRepository();

    await expectFailure((...args) => backy(directory, args, { env: { BACKY_THREADS: count } }), ['status'], {
      code: 'BACKY_USAGE',
      says: [`BACKY_THREADS is "${count}"`, 'from 1 to 1024'],
    });
  });
});

async function makeRepository(): Promise<TestRepository> {
  const scratch = scratchForTest();
  const source = join(scratch, 'disk.img');
  makeSparseFile(source, 0);
  return createRepository(join(scratch, 'repository'), source);
}

/** Runs a command line of backy as a shell understands it, in a directory. */
function shell(line: string, cwd: string, before = ':'): Promise<Outcome> {
  return run('sh', ['-c', `${before}; exec "$0" "$@" ${line}`, process.execPath, PROGRAM], { cwd });
}
