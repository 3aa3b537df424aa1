import { existsSync, readdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { expectSameBytes, MIB, randomBytes, writeAt } from '../helpers/bytes.ts';
import { type Outcome, run } from '../helpers/command.ts';
import { expectOneLine } from '../helpers/failure.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, filesOf, PROGRAM, type TestRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

/** A system call that fails the n-th time that a thread makes it, as strace has it fail. */
const failures = [
  { call: 'ftruncate', error: 'EDQUOT', when: '1', says: 'quota' },
  { call: 'pwrite64', error: 'ENOSPC', when: '2', says: 'no space left' },
  { call: 'renameat2', error: 'EIO', when: '1', says: 'rename' },
  { call: 'renameat2', error: 'ENOSPC', when: '2', says: 'rename' },
] as const;

describeWith([...needsOf('xfs'), 'command strace'], 'a system call that fails', () => {
  const filesystem = useFilesystem('xfs');

  it.each(failures)('fails the backup: $call with $error ($when)', async ({ call, error, when, says }) => {
    const { repository, earlier } = await changedRepository(filesystem.scratch());

    const outcome = await backupWith(repository, `${call}:error=${error}:when=${when}`);

    expectOneLine(outcome, [says, `(${error})`]);
    expect(repository.revisionFiles()).toEqual(filesOf(earlier));
    expect(await repository.verify()).toMatchObject({ good: true });
    const next = await repository.backup();
    await expectSameBytes(repository.path('last'), repository.source);
    expect(repository.revisionFiles()).toEqual(filesOf(earlier, next));
  });

  it('makes nothing when nothing can be made durable', async () => {
    const { repository, earlier } = await changedRepository(filesystem.scratch());

    const { exitCode, stderr } = await backupWith(repository, 'fsync:error=EIO');

    expect(exitCode).toBe(1);
    // The unfinished record is the first file of a revision, and its failure is final.
    expect(stderr).toMatch(/\nbacky: Cannot make durable \S+[0-9a-f]\.rev\.partial: .+\(EIO\).*\n$/);
    expect((await repository.status()).revisions).toEqual([earlier]);
    const next = await repository.backup();
    await expectSameBytes(repository.path('last'), repository.source);
    expect(repository.revisionFiles()).toEqual(filesOf(earlier, next));
  });

  it('takes no snapshot when it cannot be noted', async () => {
    const { repository, earlier } = await changedRepository(filesystem.scratch(), scratchForTest());
    const { source } = repository;
    const before = readdirSync(dirname(source));

    // Files that take the place of others, and these alone, are renamed like this: the note is one of them.
    const { exitCode, stderr } = await backupWith(repository, 'rename,renameat:error=EIO');

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/backy: Cannot rename \S+\.snapshots: .+\(EIO\)[^\n]+\n$/);
    expect((await repository.status()).revisions).toEqual([earlier]);
    expect(repository.revisionFiles()).toEqual(filesOf(earlier));
    expect(readdirSync(dirname(source))).toEqual(before);
  });

  it('leaves a complete revision when it fails behind the record', async () => {
    const { repository, earlier } = await changedRepository(filesystem.scratch());

    // Only links are made by these: the revision is sealed by then.
    expectOneLine(await backupWith(repository, 'symlink,symlinkat:error=EIO'), [repository.directory]);

    const { revisions } = await repository.status();
    expect(revisions).toMatchObject([{ uuid: earlier.uuid }, { tags: ['manual:failing'] }]);
    expect(repository.revisionFiles()).toEqual(filesOf(...revisions));
    expect(await repository.verify()).toMatchObject({ good: true });
    await repository.backup();
    await expectSameBytes(repository.path('last'), repository.source);
  });

  it('restores while an unrelated loop device disappears', async () => {
    const { repository } = await changedRepository(filesystem.scratch());
    const target = join(filesystem.scratch(), 'target');
    // Only a target that exists can be in use as a loop device.
    writeFileSync(target, '', { mode: 0o600 });
    const loops = loopAttributes();
    expect(loops.length).toBeGreaterThan(0);

    const args = ['-b', repository.directory, 'restore', target];
    const onLoops = loops.flatMap((path) => ['-P', path]);
    const outcome = await withFailing('read,pread64:error=ENODEV', args, onLoops);

    expect(outcome).toMatchObject({ exitCode: 0, stderr: '' });
    await expectSameBytes(target, repository.path('last'));
  });
});

/** A repository with one revision of a disk that has changed since. */
async function changedRepository(scratch: string, repositories = scratch) {
  const source = join(scratch, 'disk.img');
  writeFileSync(source, randomBytes(4 * MIB));
  const repository = await createRepository(join(repositories, 'repository'), source);
  const earlier = await repository.backup();
  writeAt(source, MIB, randomBytes(MIB));
  writeAt(source, 3 * MIB, randomBytes(MIB / 2));
  return { repository, earlier };
}

/** Lists the file of each loop device; there is at least one, below the filesystem. */
function loopAttributes(): readonly string[] {
  const devices = readdirSync('/sys/block').filter((name) => name.startsWith('loop'));
  const paths = devices.map((name) => `/sys/block/${name}/loop/backing_file`);
  // By the name that strace knows it by.
  return paths.filter((path) => existsSync(path)).map((path) => realpathSync(path));
}

function backupWith({ directory }: TestRepository, injection: string): Promise<Outcome> {
  return withFailing(injection, ['-b', directory, 'backup', 'manual:failing']);
}

/**
 * One thread makes all the calls that matter, so that "the n-th" means one and the same each time.
 *
 * @param filter of strace: which calls may fail
 */
function withFailing(
  injection: string,
  args: readonly string[],
  filter: readonly string[] = [],
): Promise<Outcome> {
  const calls = injection.slice(0, injection.indexOf(':'));
  const tracing = ['-e', `trace=${calls}`, ...filter, '-e', `inject=${injection}`];
  const strace = ['-f', '--seccomp-bpf', '-qq', '-o', '/dev/null', ...tracing];
  return run('strace', [...strace, process.execPath, PROGRAM, ...args], { env: { BACKY_THREADS: '1' } });
}
