import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openRepository } from '../../src/index.ts';
import { cargoTest } from './cargo.ts';
import { isLong, PATIENCE_MS, pointsOr, randomFor, report } from './scale.ts';
import {
  createLiveRepository,
  describeWith,
  expectSameBytes,
  MIB,
  needsOf,
  type Outcome,
  PROGRAM,
  randomBytes,
  run,
  scratchForTest,
  type TestRepository,
  testSeed,
  useFilesystem,
  writeAt,
} from './tests.ts';

/** Errors for the whole program. The engine meets all errors, call by call. */
const ERRORS = ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE', 'ENOMEM', 'ESTALE'] as const;
/** Calls of a backup that change something, or read the source. */
const CALLS = ['pwrite64', 'fsync', 'ftruncate', 'renameat2', 'ioctl', 'fallocate', 'pread64'] as const;
/** Runs for each point: how many calls there are depends on the change, so some are counted to in vain. */
const MOST_RUNS = 4;
/** The time after which a run under strace counts as hanging, even on a busy machine. */
const LIMIT_S = '60';

describeWith([...needsOf('xfs'), 'command strace'], 'the program, when a system call fails', () => {
  const filesystem = useFilesystem('xfs');

  it(
    `succeeds truly or fails cleanly, and the next run succeeds (F4, BACKY_TEST_SEED=${testSeed})`,
    async () => {
      const random = randomFor('io-errors');
      const source = join(filesystem.scratch(), 'disk.img');
      writeFileSync(source, randomBytes(4 * MIB));
      const { directory, path } = await createLiveRepository(
        join(filesystem.scratch(), 'repository'),
        source,
      );
      const repository = await openRepository(directory);
      const [places, trace] = [{ directory, source }, join(scratchForTest(), 'trace')];
      const change = (): void => writeAt(source, Math.floor(random() * 3) * MIB, randomBytes(MIB / 2));
      let taken = 0;
      const take = async (): Promise<void> => {
        taken += 1;
        expect(await repository.backup({ tags: [`manual:${taken}`] })).toBeDefined();
        await expectSameBytes(path('last'), source);
      };
      await take();
      const most = new Map<string, number>();
      for (const call of CALLS) {
        change();
        expect(await backupUnderStrace(places, call, trace)).toMatchObject({ exitCode: 0 });
        most.set(call, mostCalls(readFileSync(trace, 'utf8')));
      }
      const counts = { runs: 0, points: 0, failed: 0, absorbed: 0 };
      const points = isLong ? Math.min(pointsOr(0), 2000) : 10;
      while (counts.points < points && counts.runs < MOST_RUNS * points) {
        counts.runs += 1;
        const call = CALLS[counts.runs % CALLS.length] ?? 'fsync';
        const error = ERRORS[Math.floor(random() * ERRORS.length)] ?? 'EIO';
        const when = 1 + Math.floor(random() * (most.get(call) ?? 0));
        const what = `${call}:error=${error}:when=${when}`;
        change();
        const before = (await repository.status()).revisions;

        const outcome = await backupUnderStrace(places, call, trace, what);
        // The n-th call may be one too many; such a run says nothing.
        const wasMet = readFileSync(trace, 'utf8').includes('INJECTED');

        expect([0, 1], `${what}: ${outcome.stderr}`).toContain(outcome.exitCode);
        expect(outcome.stderr, what).not.toMatch(/PANIC|panicked/);
        const after = await repository.status();
        expect(after.damaged, what).toEqual([]);
        expect(after.revisions.slice(0, before.length), what).toEqual(before);
        if (outcome.exitCode === 0) {
          expect(after.revisions.length, what).toBe(before.length + 1);
          await expectSameBytes(path('last'), source);
        } else {
          await take();
        }
        if (wasMet) {
          counts.points += 1;
          counts[outcome.exitCode === 0 ? 'absorbed' : 'failed'] += 1;
        }
        if (after.revisions.length > 5) {
          expect(await repository.verify(), what).toMatchObject({ good: true });
          await repository.forget({ revisions: 'not(0)' });
          await repository.purge();
        }
      }
      expect(await repository.verify()).toMatchObject({ good: true });
      // A few random points may all be absorbed.
      if (isLong) expect(counts.failed, 'there were errors').toBeGreaterThan(0);
      report('io-errors', { what: 'backup under strace', ...counts, violations: 0 });
    },
    PATIENCE_MS,
  );

  // The tests of the engine, which `npm test` runs as well, have a longer short form of this.
  it(
    'each call of each operation of the engine fails with each error (I6, F4)',
    async () => {
      const lines = await cargoTest(['--lib', 'fault_tests'], {
        BACKY_FAULT_POINTS: isLong ? '1000000' : '40',
      });
      // A dot of the harness may stand in front.
      const totals = lines.flatMap((line) => line.match(/(?:io-errors|lying storage): .*/)?.[0] ?? []);
      expect(totals).toHaveLength(2);
      for (const what of totals) report('io-errors', { what, violations: 0 });
    },
    PATIENCE_MS,
  );
});

/** Returns the highest number of such calls that one thread makes. */
function mostCalls(trace: string): number {
  const counts = new Map<string, number>();
  for (const [, thread = ''] of trace.matchAll(/^(\d+) +\w+\(/gm))
    counts.set(thread, (counts.get(thread) ?? 0) + 1);
  return Math.max(...counts.values());
}

/** One thread makes all the calls that matter, so that "the n-th" means one and the same each time. */
function backupUnderStrace(
  { directory, source }: Pick<TestRepository, 'directory' | 'source'>,
  call: string,
  trace: string,
  injection?: string,
): Promise<Outcome> {
  // Counted for each thread, so node's own calls on its first one do not matter; but without reads it does not start.
  const where = call === 'pread64' ? ['-P', source] : [];
  const strace = ['-f', '--seccomp-bpf', '-qq', '-o', trace, ...where, '-e', `trace=${call}`];
  const inject = injection === undefined ? [] : ['-e', `inject=${injection}`];
  const program = [process.execPath, PROGRAM, '-b', directory, 'backup', 'manual:failing', '--force'];
  return run('timeout', ['--signal=KILL', LIMIT_S, 'strace', ...strace, ...inject, ...program], {
    env: { BACKY_THREADS: '1', UV_THREADPOOL_SIZE: '1' },
  });
}
