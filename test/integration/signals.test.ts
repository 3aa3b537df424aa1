import { closeSync, openSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { loadEngine } from '../../src/native/load-engine.ts';
import { expectSameBytes, MIB, randomBytes } from '../helpers/bytes.ts';
import { mustRun, start } from '../helpers/command.ts';
import { holdBackup, holdingNeeds, holdRestore } from '../helpers/held-command.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, filesOf, PROGRAM, type TestRepository } from '../helpers/repository.ts';

describeWith([...needsOf('xfs'), ...holdingNeeds], 'in the middle', () => {
  const filesystem = useFilesystem('xfs');

  it.each([
    { name: 'SIGINT', code: 130 },
    { name: 'SIGTERM', code: 143 },
  ] as const)(
    'a backup ends cleanly on $name with $code, and leaves nothing half-done',
    async ({ name, code }) => {
      const repository = await makeRepository(filesystem.scratch());
      const earlier = await repository.backup();
      writeFileSync(repository.source, randomBytes(8 * MIB));
      const held = await holdBackup(repository);
      expect(repository.revisionFiles().filter((file) => file.endsWith('.partial'))).toHaveLength(3);
      held.signal(name);

      const { exitCode, stdout, stderr } = await held.goOn();

      expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' });
      expect(stderr).toMatch(/^backy: The backup was cancelled: nothing of it is left\. .+\n$/);
      expect(repository.revisionFiles()).toEqual(filesOf(earlier));
      const { uuid } = await repository.backup();
      await expectSameBytes(repository.path(uuid), repository.source);
    },
  );

  it('a restore ends cleanly, too, and leaves no target that looks like one', async () => {
    const [scratch, targets] = [filesystem.scratch(), filesystem.scratch()];
    const repository = await makeRepository(scratch);
    const { uuid } = await repository.backup();
    const held = await holdRestore(repository, repository.path(uuid), targets);
    held.signal('SIGINT');

    const { exitCode, stdout, stderr } = await held.goOn();

    expect({ exitCode, stdout }).toEqual({ exitCode: 130, stdout: '' });
    expect(stderr).toMatch(/^backy: The restore was cancelled: .+\n$/);
    expect(readdirSync(targets)).toEqual([]);
    expect(await repository.backy('restore', join(targets, 'target'))).toMatchObject({ exitCode: 0 });
    await expectSameBytes(join(targets, 'target'), repository.source);
  });

  it('a restore to a pipe that nobody reads ends cleanly', async () => {
    const scratch = filesystem.scratch();
    const repository = await makeRepository(scratch);
    await repository.backup();
    const pipe = join(scratch, 'pipe');
    await mustRun('mkfifo', [pipe]);
    const end = openSync(pipe, 'r+');
    onTestFinished(() => closeSync(end));
    const command = [process.execPath, PROGRAM, '-b', repository.directory, 'restore', '-'];
    const restoring = start('sh', ['-c', 'pipe=$1; shift; exec "$@" >"$pipe"', 'sh', pipe, ...command]);
    // The image is larger than a pipe, so with the first byte here it cannot get rid of the last.
    readSync(end, Buffer.alloc(1));
    restoring.signal('SIGTERM');

    const { exitCode, stderr } = await restoring.outcome;

    expect({ exitCode }, stderr).toEqual({ exitCode: 143 });
    expect(stderr).toMatch(/^backy: The restore was cancelled: .+\n$/);
  });

  it('whoever waits for a purge ends at once', async () => {
    const scratch = filesystem.scratch();
    const repository = await makeRepository(scratch);
    await repository.backup();
    const lock = (await loadEngine()).lockFile(repository.path('.purge'), 'exclusive');
    onTestFinished(() => lock.release());

    for (const args of [
      ['restore', join(scratch, 'target')],
      ['hold', 'audit'],
    ]) {
      const waiting = start(process.execPath, [PROGRAM, '-b', repository.directory, ...args]);
      await sleep(3000);
      waiting.signal('SIGINT');
      const { exitCode, stderr } = await waiting.outcome;
      expect({ exitCode, stderr }).toEqual({
        exitCode: 130,
        stderr:
          'backy: The wait for another process was cancelled: nothing was written. Run it again to finish it.\n',
      });
    }
  });

  it('a backup continues beside status, find, restore and verify', async () => {
    const scratch = filesystem.scratch();
    const repository = await makeRepository(scratch);
    const earlier = await repository.backup();
    const held = await holdBackup(repository);

    expect(await repository.status()).toMatchObject({ revisions: [{ uuid: earlier.uuid }], damaged: [] });
    expect((await repository.backy('find')).stdout).toBe(`${repository.path(earlier.uuid)}\n`);
    expect(await repository.backy('restore', join(scratch, 'target'))).toMatchObject({ exitCode: 0 });
    await expectSameBytes(join(scratch, 'target'), repository.source);
    // The files of the running backup look like leftovers, and must survive.
    expect(await repository.backy('purge')).toMatchObject({ exitCode: 1 });

    expect(await held.goOn()).toMatchObject({ exitCode: 0 });
    expect((await repository.status()).revisions).toHaveLength(2);
    expect(await repository.verify()).toMatchObject({ good: true });
  });

  it('a backup that is killed frees the lock', async () => {
    const repository = await makeRepository(filesystem.scratch());
    const held = await holdBackup(repository);
    held.signal('SIGKILL');
    expect(await held.goOn()).toMatchObject({ exitCode: 137 });
    // The note of who held it is still there, and stops nobody.
    expect(readFileSync(repository.path('.backup'), 'utf8').trim()).toBe(String(held.pid));

    const record = await repository.backup();

    expect(repository.revisionFiles()).toEqual(filesOf(record));
  });
});

function makeRepository(scratch: string): Promise<TestRepository> {
  const source = join(scratch, 'disk.img');
  writeFileSync(source, randomBytes(8 * MIB));
  return createRepository(join(scratch, 'repository'), source);
}
