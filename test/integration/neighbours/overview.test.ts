import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FleetStatus, Status } from '../../../src/index.ts';
import { apiRepository } from '../../helpers/api-repository.ts';
import { mustRun, type Outcome, run } from '../../helpers/command.ts';
import { describeWith } from '../../helpers/needs.ts';
import { PROGRAM } from '../../helpers/repository.ts';
import { makeScratch } from '../../helpers/scratch.ts';
import {
  NEEDS_OF_SECOND_USER,
  type SharedProgram,
  shareProgram,
  USER_ID,
} from '../../helpers/second-user.ts';

const GIB = 2 ** 30;
/** `RECORD` and `UNFINISHED` stand for those of a revision. */
const NAMES = [
  'config',
  '.revisions',
  '.last-run',
  '.restoring',
  '.snapshots',
  '.trash',
  'chunks',
  'last',
  'backy.log',
  'RECORD',
  'UNFINISHED',
] as const;

/** Objects that another user may put in the place of a file. */
const KINDS: Readonly<Record<string, (path: string) => unknown>> = {
  pipe: (path) => mustRun('mkfifo', [path]),
  directory: (path) => mkdirSync(path),
  // Reading it never ends.
  device: (path) => mustRun('mknod', [path, 'c', '1', '5']),
  'link-to-device': (path) => symlinkSync('/dev/zero', path),
  loop: (path) => symlinkSync(path, path),
  huge: (path) => {
    writeFileSync(path, '');
    truncateSync(path, 20 * GIB);
  },
  deep: (path) =>
    writeFileSync(path, `{"formatVersion":1,"restores":${'['.repeat(500_000)}${']'.repeat(500_000)}}`),
  unreadable: (path) => writeFileSync(path, 'x', { mode: 0o000 }),
  'of-no-time': (path) => {
    if (!existsSync(path)) writeFileSync(path, '');
    utimesSync(path, -9e12, -9e12);
  },
};

describeWith([...NEEDS_OF_SECOND_USER, 'command mknod'], 'the overview', () => {
  const base = makeScratch();
  let program: SharedProgram;
  let hostile: readonly string[];

  beforeAll(async () => {
    chmodSync(base, 0o755);
    program = shareProgram(join(base, '.program'));
    const { directory } = await apiRepository(base);
    const all = join(base, 'all');
    mkdirSync(all);
    for (const name of ['first', 'zz-last'])
      cpSync(directory, join(all, name), { recursive: true, verbatimSymlinks: true });
    for (const name of NAMES)
      for (const [kind, make] of Object.entries(KINDS))
        await plant(directory, join(all, `${name}-${kind}`), name, make);
    symlinkSync('nowhere', join(all, 'dangling'));
    symlinkSync('around', join(all, 'around'));
    writeFileSync(join(all, 'file'), '');
    hostile = readdirSync(all).filter((name) => /-/.test(name) && name !== 'zz-last');
    await mustRun('chown', ['-hR', `${USER_ID}`, all]);
    chownSync(all, USER_ID, USER_ID);
  });
  afterAll(() => rmSync(base, { recursive: true, force: true }));

  it.each([
    ['root', (...args: readonly string[]) => asRoot(join(base, 'all'), ...args)],
    ['their owner', (...args: readonly string[]) => program.asUser(join(base, 'all'), ...args)],
  ])('shows %s all others beside each hostile repository', async (_, backy) => {
    expect(hostile.length).toBe(NAMES.length * Object.keys(KINDS).length);
    const { stdout, stderr, exitCode } = await backy('--json', 'status', '--all');
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 1 });
    const { repositories }: FleetStatus = JSON.parse(stdout);
    for (const name of ['first', 'zz-last'])
      expect(repositories).toContainEqual(
        expect.objectContaining({ name, totals: expect.objectContaining({ revisions: 1, damaged: 0 }) }),
      );
    const shown = new Set(repositories.map(({ name }) => name));
    expect(hostile.filter((name) => !shown.has(name))).toEqual([]);
  });

  it('of one hostile repository is of that one, or an error in one line', async () => {
    // Two at a time, for there are as many processors.
    const [one, other] = [hostile.filter((_, at) => at % 2 === 0), hostile.filter((_, at) => at % 2 === 1)];
    const check = async (names: readonly string[]): Promise<void> => {
      for (const name of names.filter((each) => /^(\.restoring|\.trash|RECORD)-/.test(each))) {
        const { stdout, stderr, exitCode } = await asRoot(join(base, 'all', name), '--json', 'status');
        const status: Partial<Status> = JSON.parse(stdout || '{}');
        if (stderr === '')
          expect([name, exitCode < 2, status.revisions?.length]).toEqual([name, true, expect.any(Number)]);
        else
          expect([name, exitCode, stderr]).toEqual([
            name,
            1,
            expect.stringMatching(/^\{"messageType":"exitError","code":"BACKY_(?!PANIC)[^\n]+\n$/),
          ]);
      }
    };
    await Promise.all([check(one), check(other)]);
  });
});

/** Whatever it meets, it ends: a pipe that nobody writes to, a device without an end. */
function asRoot(directory: string, ...args: readonly string[]): Promise<Outcome> {
  return run('timeout', ['--signal', 'KILL', '120', process.execPath, PROGRAM, '-b', directory, ...args]);
}

/** Copies a repository, and puts something in the place of one of its files. */
async function plant(
  model: string,
  directory: string,
  name: (typeof NAMES)[number],
  make: (path: string) => unknown,
): Promise<void> {
  cpSync(model, directory, { recursive: true, verbatimSymlinks: true });
  const record = readdirSync(directory).find((each) => /^[0-9a-f-]{36}\.rev$/.test(each)) ?? '';
  const path = join(directory, name.replace('RECORD', record).replace('UNFINISHED', `${record}.partial`));
  if (make !== KINDS['of-no-time']) rmSync(path, { recursive: true, force: true });
  await make(path);
}
