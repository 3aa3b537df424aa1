import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { loadEngine } from '../../src/native/load-engine.ts';
import { expectSameBytes, MIB, randomBytes } from '../helpers/bytes.ts';
import { mustRun, type Outcome, run } from '../helpers/command.ts';
import { expectFailure } from '../helpers/failure.ts';
import { holdBackup, holdComparison, holdingNeeds } from '../helpers/held-command.ts';
import { attachDevice } from '../helpers/loop-device.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, PROGRAM, type TestRepository } from '../helpers/repository.ts';
import { makeScratch } from '../helpers/scratch.ts';
import { unwrapped } from '../helpers/unwrapped.ts';
import { type Calls, callsNeeds, compileCalls } from '../torture/tracer/calls.ts';

const sourceBytes = 4 * MIB;
const killsEach = 5;

describeWith(
  [...needsOf('xfs'), ...callsNeeds, ...holdingNeeds, 'command losetup'],
  'a restore that is not complete',
  () => {
    const filesystem = useFilesystem('xfs');
    let calls: Calls;
    beforeAll(async () => {
      calls = await compileCalls(makeScratch());
    });

    it('keeps its target from being backed up after SIGKILL, by whatever repository, until it is finished', async () => {
      const { repository, source } = await changedRepository();
      const { uuid } = await repository.backup();
      const other = await createRepository(join(filesystem.scratch(), 'other'), source);
      writeFileSync(source, randomBytes(sourceBytes));

      await killRestore(repository, source);

      const finish = `"backy -b ${repository.directory} restore -r ${uuid} ${source}"`;
      for (const { backy } of [repository, other])
        await expectFailure(backy, ['backup', 'manual:x'], {
          code: 'BACKY_SOURCE_RESTORING',
          says: [source, `the restore of ${uuid}`, 'did not finish', `Finish it with ${finish}`],
        });
      expect(await repository.status()).toMatchObject({
        revisions: [{ uuid }],
        unfinishedRestores: [{ target: source, revision: uuid }],
      });
      expect(unwrapped((await repository.backy('status')).stdout)).toContain(
        `is not complete: finish it with ${finish}`,
      );
      const { exitCode, stdout } = await run(process.execPath, [
        PROGRAM,
        '-b',
        dirname(repository.directory),
        'status',
        '--all',
      ]);
      expect({ exitCode, stdout: unwrapped(stdout) }).toEqual({
        exitCode: 0,
        stdout: expect.stringContaining(`is not complete: finish it with ${finish}`),
      });
      expect(unwrapped((await repository.backy('doctor')).stdout)).toContain(
        `is not complete: finish it with ${finish}`,
      );

      expect(await repository.backy('restore', '-r', uuid, source)).toMatchObject({ exitCode: 0 });
      await expectSameBytes(source, repository.path(uuid));
      expect(await repository.status()).toMatchObject({ unfinishedRestores: [] });
      for (const each of [repository, other]) {
        const record = await each.backup();
        await expectSameBytes(each.path(record.uuid), source);
        expect(record).not.toHaveProperty('unfinishedRestore');
      }
    });

    it('is known wherever it is killed while it changes its target', async () => {
      const { repository, source } = await changedRepository();
      const { uuid } = await repository.backup();
      writeFileSync(source, randomBytes(sourceBytes));
      const before = readFileSync(source);
      const { calls: all } = await restoreTraced(repository, source);
      expect(all.filter((call) => call.startsWith('write')).length).toBeGreaterThan(3);
      const step = Math.ceil(all.length / killsEach);
      for (let killAt = 1; killAt <= all.length; killAt += step) {
        writeFileSync(source, before);
        const { exitCode } = await restoreTraced(repository, source, killAt);
        expect(exitCode).toBe(137);
        const isMixture = ![before, readFileSync(repository.path(uuid))].some((state) =>
          state.equals(readFileSync(source)),
        );
        const { exitCode: refused } = await repository.backy('backup', `manual:${killAt}`);
        if (isMixture) expect(refused, all[killAt - 1]).toBe(1);
        expect(await repository.backy('restore', '-r', uuid, source)).toMatchObject({ exitCode: 0 });
        await repository.backup();
      }
    });

    it('is taken as it is with --force, and the revision says so', async () => {
      const { repository, source } = await changedRepository();
      const { uuid } = await repository.backup();
      writeFileSync(source, randomBytes(sourceBytes));
      await killRestore(repository, source);

      const forced = await repository.backy('--json', 'backup', '--force', 'manual:x');

      expect(forced.exitCode).toBe(0);
      expect(JSON.parse(forced.stdout).record).toMatchObject({ unfinishedRestore: uuid });
      expect(forced.stderr).toContain(`the unfinished restore of ${uuid} has left it`);
      expect(unwrapped((await repository.backy('status')).stdout)).toContain(
        `taken of the unfinished restore of ${uuid}`,
      );
      expect(await repository.backy('backup', 'manual:y')).toMatchObject({ exitCode: 1 });
      expect(await repository.backy('restore', '--abandon', source)).toMatchObject({ exitCode: 0 });
      expect(existsSync(repository.path('.restoring'))).toBe(false);
      await repository.backup();
    });

    it('is known under another name of its target, and forgotten with it', async () => {
      const { repository, source } = await changedRepository();
      await repository.backup();
      writeFileSync(source, randomBytes(sourceBytes));
      await killRestore(repository, source);
      const renamed = join(dirname(source), 'renamed.img');
      renameSync(source, renamed);
      const config = repository.path('config');
      writeFileSync(config, readFileSync(config, 'utf8').replace(source, renamed));
      await expectFailure(repository.backy, ['backup', 'manual:x'], {
        code: 'BACKY_SOURCE_RESTORING',
        says: [renamed, 'did not finish'],
      });

      rmSync(renamed);
      writeFileSync(renamed, randomBytes(sourceBytes));
      expect(await repository.backy('backup', 'manual:x')).toMatchObject({ exitCode: 0 });
      expect(readFileSync(repository.path('backy.log'), 'utf8')).toContain(
        `to ${source} is forgotten: its target does not exist any more`,
      );
      expect(await repository.status()).toMatchObject({ unfinishedRestores: [] });
    });

    it('is kept from backups as long as it runs, and leaves them alone when nothing was written', async () => {
      const { repository, source } = await changedRepository();
      const { uuid } = await repository.backup();
      const other = await createRepository(join(filesystem.scratch(), 'other'), source);
      const changed = randomBytes(sourceBytes);
      writeFileSync(source, changed);
      const held = await holdComparison(repository, source);
      await untilItRuns(source);
      for (const { backy } of [repository, other])
        await expectFailure(backy, ['backup', '--force', 'manual:x'], {
          code: 'BACKY_SOURCE_RESTORING',
          says: [source, 'a restore is writing to it', 'Back up when it has finished'],
        });
      held.signal('SIGINT');

      const { exitCode, stderr } = await held.goOn();

      expect({ exitCode, stderr }).toEqual({
        exitCode: 130,
        stderr: `backy: The restore was cancelled: ${source} is as it was. Finish it with "backy -b ${repository.directory} restore -r ${uuid} ${source}".\n`,
      });
      expect(readFileSync(source).equals(changed)).toBe(true);
      expect(existsSync(repository.path('.restoring'))).toBe(false);
      await repository.backup();
    });

    it('is cancelled in the middle like one that was killed, and says how to finish it', async () => {
      const { repository, source } = await changedRepository();
      const { uuid } = await repository.backup();
      writeFileSync(source, randomBytes(sourceBytes));

      const { exitCode, stderr } = await restoreWith(repository, source, 'signal=SIGINT:when=4');

      expect(exitCode).toBe(130);
      expect(stderr).toBe(
        `backy: The restore was cancelled: ${source} is not complete. Finish it with "backy -b ${repository.directory} restore -r ${uuid} ${source}".\n`,
      );
      expect(await repository.backy('backup', 'manual:x')).toMatchObject({ exitCode: 1 });
      expect(await repository.backy('restore', source)).toMatchObject({ exitCode: 0 });
      await repository.backup();
    });

    it.each([
      ['ENOSPC', 'Free some space there'],
      ['EDQUOT', 'raise the quota'],
      ['EFBIG', 'ulimit -f'],
      ['EIO', 'Check the storage of the target'],
    ])('says that its target is not complete after %s, and how to finish it', async (errno, cure) => {
      const { repository, source } = await changedRepository();
      const { uuid } = await repository.backup();
      writeFileSync(source, randomBytes(sourceBytes));
      const restore = (target: string) => `"backy -b ${repository.directory} restore -r ${uuid} ${target}"`;

      const { exitCode, stderr } = await restoreWith(repository, source, `error=${errno}:when=4`);

      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/^backy: .+\n$/);
      for (const text of [errno, `${source} is not complete`, cure, `then finish it with ${restore(source)}`])
        expect(stderr).toContain(text);
      expect(await repository.backy('backup', 'manual:x')).toMatchObject({ exitCode: 1 });

      const target = join(dirname(source), 'new file.img');
      const failed = await restoreWith(repository, target, `error=${errno}:when=4`);
      expect(failed.exitCode).toBe(1);
      for (const text of [`nothing of ${target} is left`, cure, restore(`'${target}'`)])
        expect(failed.stderr).toContain(text);
      expect(readdirSync(dirname(source)).filter((name) => name.startsWith('new'))).toEqual([]);
    });

    it('is known of a device, of what it is a part of, and of the file behind it', async () => {
      const { repository, source } = await changedRepository();
      const { uuid } = await repository.backup();
      writeFileSync(source, randomBytes(sourceBytes));
      const device = await attachDevice(source);
      const ofDevice = await createRepository(join(filesystem.scratch(), 'of-device'), device);
      await ofDevice.backup();
      await restoreWith(repository, device, 'signal=SIGKILL:when=4');

      await expectFailure(repository.backy, ['backup', 'manual:x'], {
        code: 'BACKY_SOURCE_RESTORING',
        says: [source, `restore -r ${uuid} ${device}`],
      });
      await mustRun('cp', [repository.path('config'), ofDevice.path('config')]);
      const config = repository.path('config');
      writeFileSync(config, readFileSync(config, 'utf8').replace(source, device));
      await expectFailure(repository.backy, ['backup', 'manual:x'], {
        code: 'BACKY_SOURCE_RESTORING',
        says: [device, `restore -r ${uuid} ${device}`],
      });
      expect(await repository.backy('restore', '-r', uuid, device)).toMatchObject({ exitCode: 0 });
      await repository.backup();
    });

    it('leaves a file of another name when it is killed, which the next one to that name removes', async () => {
      const { repository, source } = await changedRepository();
      await repository.backup();
      const target = join(dirname(source), 'target');
      const precious = [
        `${target}.partial-1-0-abc`,
        `${target}.partial`,
        `${target}2.partial-1-0-18b2f0c3d4e5f607`,
      ];
      for (const path of precious) writeFileSync(path, 'precious');
      await restoreWith(repository, target, 'signal=SIGKILL:when=4');
      const left = (): readonly string[] =>
        readdirSync(dirname(target))
          .map((name) => join(dirname(target), name))
          .filter((path) => path.includes('.partial') && !precious.includes(path));
      const [leftover = ''] = left();
      expect(left()).toHaveLength(1);
      expect(await repository.backup()).toMatchObject({ trust: 'trusted' });

      expect(await repository.backy('restore', target)).toMatchObject({ exitCode: 0 });

      expect(left()).toEqual([]);
      for (const path of precious) expect(readFileSync(path, 'utf8')).toBe('precious');
      expect(readFileSync(repository.path('backy.log'), 'utf8')).toContain(`removed ${leftover}`);
      await expectSameBytes(target, source);
    });

    it('does not begin while a backup reads its target', async () => {
      const { repository, source } = await changedRepository();
      await repository.backup();
      const held = await holdBackup(repository);
      await expectFailure(repository.backy, ['restore', source], {
        code: 'BACKY_TARGET_BUSY',
        says: [source],
      });
      expect(await held.goOn()).toMatchObject({ exitCode: 0 });
      expect(await repository.backy('restore', source)).toMatchObject({ exitCode: 0 });
    });

    /** A repository, and its source alone in a directory. */
    async function changedRepository(): Promise<{ repository: TestRepository; source: string }> {
      const source = join(filesystem.scratch(), 'disk.img');
      writeFileSync(source, randomBytes(sourceBytes), { mode: 0o600 });
      const repository = await createRepository(join(filesystem.scratch(), 'repository'), source);
      return { repository, source };
    }

    /** Kills a restore in the middle of what it writes. */
    async function killRestore(repository: TestRepository, target: string): Promise<void> {
      const before = readFileSync(target);
      const { exitCode } = await restoreWith(repository, target, 'signal=SIGKILL:when=4');
      expect(exitCode).toBe(137);
      expect(readFileSync(target).equals(before)).toBe(false);
    }

    function restoreTraced(repository: TestRepository, target: string, killAt?: number) {
      const command = [
        process.execPath,
        PROGRAM,
        '-b',
        repository.directory,
        'restore',
        '-r',
        'first',
        target,
      ];
      return calls.run(target, command, killAt === undefined ? {} : { killAt });
    }
  },
);

/** Waits until a restore has its target for itself. */
async function untilItRuns(target: string): Promise<void> {
  const { findBegun } = await loadEngine();
  await expect.poll(() => findBegun(target), { timeout: 60_000 }).toMatchObject({ running: true });
}

/** A restore of which strace(1) spoils a write. The first one is the note of who holds a lock. */
function restoreWith(repository: TestRepository, target: string, what: string): Promise<Outcome> {
  const inject = ['-e', 'trace=pwrite64', '-e', `inject=pwrite64:${what}`];
  const command = [process.execPath, PROGRAM, '-b', repository.directory, 'restore', target];
  return run('strace', ['-D', '-f', '-qq', '-o', '/dev/null', ...inject, ...command], {
    env: { BACKY_THREADS: '1' },
  });
}
