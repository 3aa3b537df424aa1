import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MIB, randomBytes } from '../helpers/bytes.ts';
import { expectFailure } from '../helpers/failure.ts';
import { holdBackup, holdingNeeds } from '../helpers/held-command.ts';
import { describeWith } from '../helpers/needs.ts';
import { backy, createRepository, type TestRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';
import { unwrapped } from '../helpers/unwrapped.ts';

async function makeRepository(directory = join(scratchForTest(), 'repository')): Promise<TestRepository> {
  const source = join(scratchForTest(), 'disk.img');
  writeFileSync(source, randomBytes(MIB));
  return createRepository(directory, source);
}

function noteOf(repository: TestRepository): unknown {
  return JSON.parse(readFileSync(repository.path('.last-run'), 'utf8'));
}

describe('the last run', () => {
  it('is noted, shown and logged, whether it failed or had nothing to do', async () => {
    const repository = await makeRepository();
    const said = async () => unwrapped((await repository.backy('status')).stdout);
    expect(await said()).toMatch(
      /\n== Schedule\ndaily .*never +due since .*\nno run is known of\n\n== Summary\n/s,
    );
    expect(await repository.backy('backup')).toMatchObject({ exitCode: 0 });
    expect(await said()).toMatch(
      /\n== Schedule\ndaily +last .* {2}next due .*: ok for daily,weekly,monthly\n\n/s,
    );
    expect(await repository.backy('backup')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect(noteOf(repository)).toMatchObject({ outcome: 'nothing-due', failures: 0 });
    expect(readFileSync(repository.path('backy.log'), 'utf8')).toMatch(/ info +nothing is due\n$/);

    renameSync(repository.path('config'), repository.path('config.good'));
    writeFileSync(repository.path('config'), 'source: {type: file}\nschedule: {}\n');
    for (let run = 0; run < 3; run += 1)
      await expectFailure(repository.backy, ['backup'], {
        code: 'BACKY_CONFIG_INVALID',
        says: ['config:1:9'],
      });
    const { lastRun, schedule, summary } = await repository.status();
    expect(lastRun).toMatchObject({ outcome: 'failed', code: 'BACKY_CONFIG_INVALID', failures: 6 });
    expect(schedule.problem).toContain('config:1:9');
    expect(summary).toMatchObject({ revisions: 1, damaged: 0 });
    expect(await said()).toMatch(
      /\nlast run .*: failed: BACKY_CONFIG_INVALID: .*\n6 runs failed since one took/,
    );

    renameSync(repository.path('config.good'), repository.path('config'));
    await repository.backup();
    expect((await repository.status()).lastRun).toMatchObject({
      outcome: 'ok',
      failures: 0,
      lastFailure: { code: 'BACKY_CONFIG_INVALID' },
    });
  });

  it('takes each slot once, in whatever form it is given, and refuses invalid times', async () => {
    const repository = await makeRepository();
    const tagsOf = async (...args: readonly string[]) => {
      const { exitCode, stdout } = await repository.backy('--json', 'backup', ...args);
      expect(exitCode).toBe(0);
      return JSON.parse(stdout).record?.tags ?? null;
    };
    expect(await tagsOf('--slot', '2026-01-31T03:00:00Z')).toEqual(['daily', 'weekly', 'monthly']);
    expect(await tagsOf('--slot', '2026-01-31T03:00:00+00:00')).toBeNull();
    expect(await tagsOf('daily', '--slot', '2026-01-31T03:00')).toBeNull();
    expect(await tagsOf('daily,manual:x', '--slot', '2027-01-31T03:00Z')).toEqual(['daily', 'manual:x']);
    expect(await tagsOf('--slot', '2027-01-31T03:00Z')).toEqual(['weekly', 'monthly']);
    expect(await repository.backy('backup', '--slot', '2027-01-31T03:00Z')).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: '',
    });
    const { stderr } = await repository.backy('backup', '--slot', 'tomorrow');
    expect(stderr).toMatch(/^backy: "tomorrow" is not a time\. .*\n$/);
  });

  it('says of an empty schedule that nothing will ever be backed up', async () => {
    const repository = await makeRepository();
    const config = readFileSync(repository.path('config'), 'utf8');
    writeFileSync(repository.path('config'), config.replace(/schedule:\n[\s\S]*$/, 'schedule: {}\n'));
    const warning = 'the schedule has no tags: nothing will ever be backed up';
    const run = await repository.backy('backup');
    expect(run).toEqual({ exitCode: 0, stdout: '', stderr: `backy: warning: ${warning}\n` });
    for (const command of [['status'], ['schedule', '9']])
      expect((await repository.backy(...command)).stdout).toContain(`\n${warning}\n`);
  });
});

describeWith(holdingNeeds, 'a run that is killed', () => {
  it('is no secret: status says that it has not ended, and the next run counts it', async () => {
    const repository = await makeRepository();
    writeFileSync(repository.source, randomBytes(8 * MIB));
    const held = await holdBackup(repository);
    expect((await repository.backy('status')).stdout).toContain(
      ': not ended: it is running, or was cut off for manual:held\n',
    );
    held.signal('SIGKILL');
    await held.goOn();
    expect((await repository.status()).lastRun).toMatchObject({ outcome: 'running', ended: null });
    expect(await repository.backy('backup')).toMatchObject({ exitCode: 0 });
    const { lastRun } = await repository.status();
    expect(lastRun).toMatchObject({
      outcome: 'ok',
      failures: 0,
      lastFailure: { tags: ['manual:held'], message: expect.stringContaining('cut off') },
    });
    expect(existsSync(repository.path('.last-run.new'))).toBe(false);
  });
});

describe('status of all repositories', () => {
  it('fails when anything is damaged, unreadable or misconfigured, and names it', async () => {
    const base = scratchForTest();
    const [one, two, three] = [
      await makeRepository(join(base, 'one')),
      await makeRepository(join(base, 'two')),
      await makeRepository(join(base, 'three')),
    ];
    const all = async () => backy(base, ['status', '--all']);
    for (const each of [one, two, three]) await each.backup();
    expect(await all()).toMatchObject({ exitCode: 0 });

    const config = readFileSync(one.path('config'), 'utf8');
    writeFileSync(one.path('config'), 'schedule: 7\n');
    const misconfigured = await all();
    expect(misconfigured.exitCode).toBe(1);
    expect(unwrapped(misconfigured.stdout)).toMatch(/^one +1 .* misconfigured: .*config:1:.*$/m);
    expect(misconfigured.stdout).toMatch(/\n1 misconfigured\n$/);
    writeFileSync(one.path('config'), config);

    const [{ uuid } = { uuid: '' }] = (await two.status()).revisions;
    rmSync(two.path(uuid));
    const damaged = await all();
    expect(damaged.exitCode).toBe(1);
    expect(damaged.stdout).toMatch(/^two .* 1 damaged$/m);
    rmSync(two.path(`${uuid}.rev`));
    expect(await all()).toMatchObject({ exitCode: 0 });

    const [{ uuid: other } = { uuid: '' }] = (await three.status()).revisions;
    renameSync(three.path(`${other}.rev`), three.path('kept.rev'));
    const unrecorded = await all();
    expect(unrecorded.exitCode).toBe(1);
    expect(unrecorded.stdout).toMatch(/^three .* 1 without a record$/m);
    renameSync(three.path('kept.rev'), three.path(`${other}.rev`));
    expect(await all()).toMatchObject({ exitCode: 0 });

    rmSync(three.path('config'));
    const unreadable = await all();
    expect(unreadable.exitCode).toBe(1);
    expect(unwrapped(unreadable.stdout)).toMatch(/^three +- +- +unreadable +\S/m);
  });
});
