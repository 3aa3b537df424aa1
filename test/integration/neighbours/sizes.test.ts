import {
  appendFileSync,
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { flipByte, KIB, MIB, makeSparseFile, randomBytes, readAt, writeAt } from '../../helpers/bytes.ts';
import { cleanUpWith } from '../../helpers/clean-up.ts';
import { mustRun, type Outcome, start } from '../../helpers/command.ts';
import { expectOneLine } from '../../helpers/failure.ts';
import { needsOf, useFilesystem } from '../../helpers/loop-filesystem.ts';
import { describeWith } from '../../helpers/needs.ts';
import { peakKib } from '../../helpers/peak-memory.ts';
import { createRepository, PROGRAM, readLive, type TestRepository } from '../../helpers/repository.ts';
import { scratchForTest } from '../../helpers/scratch.ts';

const TIB = 2 ** 40;
const PIB = 2 ** 50;
/** The most that a command may take, whatever the size of the disk. Node alone takes 45 MiB. */
const MOST_KIB = 96 * KIB;

describeWith(needsOf('xfs'), 'a disk that somebody has made large', () => {
  const filesystem = useFilesystem('xfs', 1024);

  it.each([
    ['1 TiB', TIB],
    ['1 PiB', PIB],
    ['4 PiB', 4 * PIB],
  ])('takes no more memory at %s, in any command', async (_, size) => {
    const scratch = filesystem.scratch();
    const offsets = [0, size / 4 + 256 * KIB, size - MIB];
    const repository = await repositoryOf(scratch, size, offsets);
    const measure = async (...args: readonly string[]): Promise<void> =>
      expect(await peakKib(repository.directory, args), args.join(' ')).toBeLessThanOrEqual(MOST_KIB);
    const target = join(scratch, 'target');

    await measure('backup');
    writeAt(repository.source, offsets[1] ?? 0, randomBytes(4 * KIB));
    await measure('backup', 'manual:again');
    await measure('verify');
    await measure('restore', target);
    writeAt(target, 7 * MIB, randomBytes(4 * KIB));
    await measure('restore', target);
    await measure('restore', '--clone', join(scratch, 'clone'));
    await measure('status');
    await measure('expire', '-n');

    for (const copy of [repository.path('last'), target, join(scratch, 'clone')]) {
      expect(statSync(copy).size).toBe(size);
      for (const offset of [...offsets, 7 * MIB])
        expect(readAt(copy, offset, MIB).equals(readAt(repository.source, offset, MIB))).toBe(true);
    }
    expect((await repository.status()).revisions).toMatchObject([
      { size, trust: 'verified', stats: { bytesZero: size - 3 * MIB } },
      { size, trust: 'verified', stats: { bytesChanged: 256 * KIB } },
    ]);
  });

  it('takes no more memory where an image has no index, or has to be repaired', async () => {
    const repository = await repositoryOf(filesystem.scratch(), 4 * PIB, [0, 2 * PIB]);
    const measure = async (...args: readonly string[]): Promise<void> =>
      expect(await peakKib(repository.directory, args), args.join(' ')).toBeLessThanOrEqual(MOST_KIB);
    const image = repository.path('01a20b83-a9a3-7fb8-b229-552c9c4b16ac');
    makeSparseFile(image, 4 * PIB);
    writeAt(image, 3 * PIB, randomBytes(MIB));
    await measure('adopt');
    await measure('backup');
    const { uuid } = (await repository.status()).revisions.at(-1) ?? { uuid: '' };
    const good = readAt(repository.source, 2 * PIB, MIB);
    flipByte(repository.path(uuid), 2 * PIB + 5000);

    await measure('verify', '-r', uuid, '--repair');

    expect(readAt(repository.path(uuid), 2 * PIB, MIB).equals(good)).toBe(true);
    expect(await repository.verify()).toMatchObject({ good: true, verdicts: { length: 2 } });
  });

  it.each([
    ['a byte more than 1 PiB, without a limit in the configuration', PIB + 1, undefined, '1.00 PiB'],
    ['more than the configuration allows', 2 * TIB, '1TiB', '1.00 TiB'],
    ['8 EiB, the largest that there is', 2 ** 63, '7PiB', '7.00 PiB'],
  ])('is refused with one line when it has %s', async (_, size, limit, told) => {
    const scratch = filesystem.scratch();
    const repository = await repositoryOf(scratch, MIB, [0], limit);
    // The largest file has 2^63 - 1 bytes, which is no number in JavaScript.
    await mustRun('truncate', [
      '--size',
      size === 2 ** 63 ? '9223372036854775807' : String(size),
      repository.source,
    ]);

    expectOneLine(await repository.backy('backup'), [repository.source, `more than the limit of ${told}`]);

    expect(repository.revisionFiles()).toEqual([]);
    expect(readdirSync(scratch).filter((name) => name.includes('.backy-'))).toEqual([]);
    truncateSync(repository.source, MIB);
    expect(await repository.backy('backup')).toMatchObject({ exitCode: 0 });
  });

  it('is no image that gets an index', async () => {
    const repository = await repositoryOf(filesystem.scratch(), MIB, [0]);
    const id = '01a20b83-a9a3-7fb8-b229-552c9c4b16ac';
    makeSparseFile(repository.path(id), 2 * PIB);

    const { exitCode, stderr } = await repository.backy('adopt');

    expect(exitCode).toBe(1);
    expect(stderr).toContain('has 2.00 PiB, more than the limit of 1.00 PiB');
    expect(existsSync(repository.path(`${id}.hashes`))).toBe(false);
  });
});

/** Islands of data on a disk that a signal comes to: each of them is a call of its own in every phase. */
const ISLANDS = 60;
/** By how much each call is slowed down, so that a phase takes a while. */
const DELAY_MS = 20;
/** Calls that may follow the signal: what Node needs to hear of it, and what cleans up. */
const MOST_CALLS_MORE = 25;

describeWith([...needsOf('xfs'), 'command strace'], 'a signal', () => {
  const filesystem = useFilesystem('xfs', 1024);

  /** A repository of a scattered disk of 1 PiB, which is read live. */
  async function scattered(scratch = filesystem.scratch()) {
    const offsets = Array.from({ length: ISLANDS }, (_, number) => (number * PIB) / 64);
    const repository = await repositoryOf(scratch, PIB, offsets, undefined, 4 * KIB);
    readLive(repository);
    return repository;
  }

  let sealed: Promise<TestRepository> | undefined;

  /** One that has a revision, for all tests that change nothing in it. */
  async function sealedOnce() {
    const repository = await scattered(filesystem.directory);
    await repository.backup();
    return repository;
  }

  it.each([
    ['a backup maps its source', 'lseek', 0],
    ['a backup reads its source', 'pread64', 15],
    ['a backup writes its image and index', 'pwrite64', 0],
    ['a backup reads back what it has written', 'pread64', ISLANDS + 20],
  ])('ends it while %s', async (_, call, after) => {
    const repository = await scattered();

    const outcome = await interrupt(repository, ['backup'], call, after);

    expect(outcome).toMatchObject({ exitCode: 143, stdout: '' });
    expect(outcome.stderr).toMatch(/^backy: The backup was cancelled: nothing of it is left\. .+\n$/);
    expect(repository.revisionFiles()).toEqual([]);
  });

  it.each([
    ['a revision is verified', ['verify'], 'pread64', 5, 'verification'],
    ['an image is mapped to be verified', ['verify'], 'lseek', 5, 'verification'],
    ['a new file is restored', ['restore', 'TARGET'], 'pread64', 5, 'restore'],
    ['a new file is written', ['restore', 'TARGET'], 'pwrite64', 0, 'restore'],
    ['a target is compared', ['restore', 'EXISTING'], 'pread64', 5, 'restore'],
  ])('ends it while %s', async (_, args, call, after, work) => {
    sealed ??= sealedOnce();
    const [repository, scratch] = [await sealed, filesystem.scratch()];
    const existing = join(scratch, 'existing');
    makeSparseFile(existing, PIB);
    chmodSync(existing, 0o600);
    for (let number = 0; number < ISLANDS; number += 1)
      writeAt(existing, (number * PIB) / 64, Buffer.alloc(4096, 1));
    const places = { TARGET: join(scratch, 'target'), EXISTING: existing };
    const named = args.map((arg) => (arg === 'TARGET' || arg === 'EXISTING' ? places[arg] : arg));

    const outcome = await interrupt(repository, named, call, after);

    expect(outcome).toMatchObject({ exitCode: 143, stdout: '' });
    expect(outcome.stderr).toMatch(new RegExp(`^backy: The ${work} was cancelled: .+\\n$`));
    expect(existsSync(places.TARGET)).toBe(false);
  });

  it('ends it while an index is made', async () => {
    const repository = await scattered();
    const id = '01a20b83-a9a3-7fb8-b229-552c9c4b16ac';
    makeSparseFile(repository.path(id), PIB);
    for (let number = 0; number < ISLANDS; number += 1)
      writeAt(repository.path(id), (number * PIB) / 64, randomBytes(4 * KIB));

    const outcome = await interrupt(repository, ['adopt'], 'pread64', 5);

    expect(outcome).toMatchObject({ exitCode: 143, stdout: '' });
    expect(repository.revisionFiles()).toEqual([id]);
  });
});

/**
 * Runs a command whose calls of one kind are slow, and sends it SIGTERM when it is in the middle of them. Fails when it
 * makes many more of them after that.
 *
 * @param after how many of the calls come before the signal
 */
async function interrupt(
  repository: TestRepository,
  args: readonly string[],
  call: string,
  after: number,
): Promise<Outcome> {
  const log = join(scratchForTest(), 'strace');
  appendFileSync(log, '');
  const slow = ['-e', `trace=${call}`, '-e', `inject=${call}:delay_enter=${DELAY_MS}ms`];
  const traced = ['-D', '-f', '-qq', '-o', log, ...slow, process.execPath, PROGRAM];
  const running = start('strace', [...traced, '-b', repository.directory, ...args], {
    env: { BACKY_THREADS: '1' },
  });
  const cleanUp = cleanUpWith('kill -KILL "-$1" 2>/dev/null || true', String(running.pid));
  onTestFinished(() => cleanUp.now());
  const calls = (): number => readFileSync(log, 'utf8').split('\n').length;
  let hasEnded = false;
  void running.outcome.then(() => {
    hasEnded = true;
  });
  while (calls() <= after + 3 && !hasEnded) await sleep(DELAY_MS / 4);
  expect(hasEnded, 'it ended before the signal').toBe(false);
  const before = calls();
  process.kill(running.pid, 'SIGTERM');
  const outcome = await running.outcome;
  expect(calls() - before).toBeLessThanOrEqual(MOST_CALLS_MORE);
  return outcome;
}

/** A repository whose disk has data at these offsets. */
async function repositoryOf(
  scratch: string,
  size: number,
  offsets: readonly number[],
  limit = size > PIB ? '7PiB' : undefined,
  length = MIB,
): Promise<TestRepository> {
  const source = join(scratch, 'disk.img');
  makeSparseFile(source, size);
  for (const offset of offsets) writeAt(source, offset, randomBytes(length));
  const repository = await createRepository(join(scratch, 'repository'), source);
  if (limit !== undefined) appendFileSync(repository.path('config'), `size-limit: ${limit}\n`);
  return repository;
}
