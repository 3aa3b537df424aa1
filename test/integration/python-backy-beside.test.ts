import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { RevisionRecord } from '../../src/domain/revision.ts';
import type { Status } from '../../src/operations/status/status.ts';
import { expectSameBytes, KIB } from '../helpers/bytes.ts';
import { run, start } from '../helpers/command.ts';
import { expectFailure } from '../helpers/failure.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { type LegacyRepository, makeLegacyRepository } from '../helpers/python-backy.ts';
import { backy, PROGRAM } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

for (const type of ['btrfs', 'xfs'] as const) {
  describeWith(needsOf(type), `a repository of the Python backy on ${type}`, () => {
    const filesystem = useFilesystem(type);

    it('shares the blocks of its images with our first backup', async () => {
      const repository = makeLegacyRepository(filesystem.scratch(), '2.4');
      moveElsewhere(repository.source);
      const { stdout } = await backy(repository.directory, ['--json', 'backup', 'manual:ours']);
      const { record }: { record: RevisionRecord } = JSON.parse(stdout);
      expect(record).toMatchObject({ parent: 'bmhuDeQUkZFfqHM9DZZegm', stats: { sharing: 'reflink' } });
      expect(record.stats.bytesWritten).toBeGreaterThan(0);
      expect(record.stats.bytesWritten).toBeLessThan(500 * KIB);
      await expectSameBytes(join(repository.directory, record.uuid), repository.source);
    });

    it('is restored from where nothing can be written, the index neither', async () => {
      const repository = makeLegacyRepository(filesystem.scratch(), '2.5');
      const target = join(scratchForTest(), 'target');
      await filesystem.remount('ro');
      try {
        for (const id of repository.ids) {
          const outcome = await backy(repository.directory, ['restore', '-r', id, target]);
          expect(outcome).toMatchObject({ exitCode: 0 });
          await expectSameBytes(target, join(repository.directory, id));
        }
      } finally {
        await filesystem.remount('rw');
      }
    });
  });
}

/** To another filesystem: from its own the source would be cloned, and nothing written at all. */
function moveElsewhere(source: string): void {
  const elsewhere = join(scratchForTest(), 'disk.img');
  copyFileSync(source, elsewhere);
  rmSync(source);
  symlinkSync(elsewhere, source);
}

describeWith(['command strace'], 'an index in the making', () => {
  // Each call of the engine has a thread of its own, in which few make these more than once.
  const moments = ['fsync', 'fchmod', 'renameat2', 'unlink,unlinkat'].flatMap((calls) =>
    [1, 2].map((when) => [calls, when] as const),
  );

  it('is there or is not, whenever it is killed (I5, I6)', async () => {
    let killed = 0;
    for (const [calls, when] of moments) {
      const { directory, ids, source } = makeLegacyRepository(scratchForTest(), '2.5');
      const images = ids.map((id) => readFileSync(join(directory, id)));
      const inject = `inject=${calls}:signal=KILL:when=${when}`;
      const strace = ['-f', '--seccomp-bpf', '-qq', '-o', '/dev/null', '-e', `trace=${calls}`, '-e', inject];
      const program = [process.execPath, PROGRAM, '-b', directory, 'verify'];
      const { exitCode } = await run('strace', [...strace, ...program], { env: { BACKY_THREADS: '1' } });
      killed += exitCode === 0 ? 0 : 1;

      const { revisions, damaged }: Status = JSON.parse(
        (await backy(directory, ['--json', 'status'])).stdout,
      );
      expect([revisions.map(({ uuid }) => uuid), damaged]).toEqual([[...ids], []]);
      expect(await backy(directory, ['verify'])).toMatchObject({ exitCode: 0 });
      expect(await backy(directory, ['purge'])).toMatchObject({ exitCode: 0 });
      const left = readdirSync(directory).filter(
        (name) => ids.some((id) => name.startsWith(id)) || /^\.tmp/.test(name),
      );
      expect(left.sort()).toEqual(ids.flatMap((id) => [id, `${id}.hashes`, `${id}.rev`]));
      expect(ids.map((id, at) => images[at]?.equals(readFileSync(join(directory, id))))).toEqual([
        true,
        true,
      ]);
      rmSync(directory, { recursive: true });
      rmSync(source);
    }
    expect(killed, 'kills that came in time').toBeGreaterThanOrEqual(4);
  });
});

describeWith(['command flock'], 'beside a Python backy that is still running', () => {
  /** Holds a lock as it does, with flock(2), until the test ends. */
  async function hold({ directory }: LegacyRepository, name: string, mode: '--shared' | '--exclusive') {
    const held = join(directory, `held-${name}`);
    const work = ['sh', '-c', 'touch "$0"; exec sleep 60', held];
    const holder = start('flock', [mode, join(directory, name), ...work]);
    onTestFinished(async () => {
      holder.signal('SIGKILL');
      await holder.outcome;
    });
    await vi.waitUntil(() => existsSync(held), { timeout: 30_000 });
  }

  const open = (): LegacyRepository => makeLegacyRepository(scratchForTest(), '2.4');
  const unfinished = 'Ad9xbHaQshCLfw8NP8hXcN.rev';

  it('waits with a backup for its own', async () => {
    const repository = open();
    await hold(repository, '.backup', '--exclusive');
    await hold(repository, '.purge', '--shared');
    for (const command of [['backup', 'daily'], ['purge']])
      await expectFailure((...args) => backy(repository.directory, args), command, {
        code: 'BACKY_LOCKED',
        says: [repository.directory],
      });
    expect(existsSync(join(repository.directory, unfinished))).toBe(true);
  });

  it('removes nothing while it restores, and restores beside its backup', async () => {
    const repository = open();
    await hold(repository, '.purge', '--shared');
    expect(await backy(repository.directory, ['backup', 'manual:ours'])).toMatchObject({ exitCode: 0 });
    expect(existsSync(join(repository.directory, unfinished))).toBe(true);
    await hold(repository, '.backup', '--exclusive');
    const target = join(repository.directory, '../target');
    const outcome = await backy(repository.directory, ['restore', '-r', 'tag:weekly', target]);
    expect(outcome).toMatchObject({ exitCode: 0 });
    await expectSameBytes(target, join(repository.directory, 'ZgjRtZfQE3qKvnrGDCnQpS'));
    expect(existsSync(join(repository.directory, 'ZgjRtZfQE3qKvnrGDCnQpS.hashes'))).toBe(false);
  });
});
