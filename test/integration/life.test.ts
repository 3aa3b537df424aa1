import { chmodSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { flipByte, KIB, MIB, randomBytes, writeAt } from '../helpers/bytes.ts';
import { expectFailure } from '../helpers/failure.ts';
import { backy, createRepository, readRecord, type TestRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

async function makeRepository(): Promise<TestRepository> {
  const scratch = scratchForTest();
  const source = join(scratch, 'disk.img');
  writeFileSync(source, randomBytes(MIB));
  return createRepository(join(scratch, 'repository'), source);
}

/** Runs a command with --json, which must succeed. Returns its document. */
async function json(repository: TestRepository, ...args: readonly string[]) {
  const { exitCode, stdout, stderr } = await repository.backy('--json', ...args);
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout);
}

describe('tags', () => {
  it('are set, added, removed, and compared first', async () => {
    const repository = await makeRepository();
    const { uuid } = await repository.backup();
    const tags = (): readonly string[] => readRecord(repository, uuid).tags;
    expect((await repository.backy('tags', 'add', 'daily,manual:kept')).stdout).toContain(
      'manual:1,daily,manual:kept',
    );
    await json(repository, 'tags', 'remove', 'manual:1', '-r', '0');
    expect(tags()).toEqual(['daily', 'manual:kept']);
    await expectFailure(repository.backy, ['tags', 'set', 'weekly', '--expect', 'daily'], {
      code: 'BACKY_TAGS_DIFFER',
      says: [uuid, 'daily,manual:kept', 'Nothing was changed'],
    });
    await json(repository, 'tags', 'set', 'weekly', '--expect', 'manual:kept,daily');
    expect(tags()).toEqual(['weekly']);
    await expectFailure(repository.backy, ['tags', 'add', 'weakly'], {
      code: 'BACKY_TAG_UNKNOWN',
      says: ['Did you mean "weekly"?'],
    });
    await expectFailure(repository.backy, ['tags', 'drop', 'weekly'], {
      code: 'BACKY_USAGE',
      says: ['set, add, remove'],
    });
    expect(statSync(repository.path(`${uuid}.rev`)).mode & 0o777).toBe(0o400);
  });
});

describe('a held revision', () => {
  it('is refused by forget, shown by status, and kept by expire', async () => {
    const repository = await makeRepository();
    const { uuid } = await repository.backup();
    await repository.backup();
    await json(repository, 'hold', 'audit of 2026', '-r', 'first', '--until', '2999-12-31');
    await json(repository, 'tags', 'remove', 'manual:1', '-r', 'first');
    expect((await repository.backy('status')).stdout).toContain(
      'held until 2999-12-31 23:59:59: audit of 2026',
    );
    await expectFailure(repository.backy, ['forget', '-r', 'first'], {
      code: 'BACKY_HELD',
      says: [uuid, 'audit of 2026', 'backy release'],
    });
    expect((await repository.backy('expire', '-n')).stdout).toContain(`${uuid}  keep  held until 2999-12-31`);
    await json(repository, 'release', '-r', 'first');
    expect((await repository.backy('expire', '-n')).stdout).toContain(`${uuid}  go    has no tags`);
    await expectFailure(repository.backy, ['hold', 'x', '--until', 'tomorrow'], {
      code: 'BACKY_HOLD_INVALID',
      says: ['"tomorrow" is not a date'],
    });
  });
});

describe('forget', () => {
  it('wants to know which, and never takes the last good one by accident (I17)', async () => {
    const repository = await makeRepository();
    const { uuid } = await repository.backup();
    await expectFailure(repository.backy, ['forget'], { code: 'BACKY_USAGE', says: ['--revision'] });
    await expectFailure(repository.backy, ['forget', '-r', 'all'], {
      code: 'BACKY_LAST_GOOD',
      says: [uuid, '--yes-the-last'],
    });
    await expectFailure(repository.backy, ['undelete', '-r', 'all'], {
      code: 'BACKY_NOT_IN_TRASH',
      says: ['the trash is empty'],
    });
    expect(await json(repository, 'forget', '-r', 'all', '--yes-the-last')).toMatchObject({
      removed: [uuid],
    });
    expect(repository.revisionFiles()).toEqual([]);
    await json(repository, 'undelete', '-r', 'all');
    expect(await repository.verify()).toMatchObject({ good: true });
    expect(readFileSync(repository.path('last'))).toEqual(readFileSync(repository.source));
  });
});

describe('expire', () => {
  it('stops at an implausible plan, until it is confirmed (I20)', async () => {
    const repository = await makeRepository();
    const gone = [await repository.backup(), await repository.backup(), await repository.backup()];
    const { uuid } = await repository.backup();
    await json(repository, 'tags', 'remove', 'manual:1,manual:2,manual:3', '-r', '3..1');
    await expectFailure(repository.backy, ['expire'], {
      code: 'BACKY_EXPIRY_STOPPED',
      says: [repository.directory, '3 of 4 revisions would go', '--yes'],
    });
    const preview = (await repository.backy('expire', '--dry-run')).stdout;
    for (const record of gone) expect(preview).toContain(`${record.uuid}  go    has no tags`);
    expect(preview).toContain('3 revisions would go: ');
    expect(preview).toContain('stopped until it is confirmed with --yes');
    // A backup warns, and is none the worse for it.
    expect((await repository.backy('backup', 'daily')).stderr).toContain('would go. Check "backy expire -n"');
    expect(await json(repository, 'expire', '--yes')).toMatchObject({ dryRun: false });
    expect((await repository.status()).revisions.map((record) => record.uuid)).toContain(uuid);
    expect((await repository.status()).trash.map(({ record }) => record.uuid)).toEqual(
      gone.map((record) => record.uuid),
    );
  });
});

describe('distrust', () => {
  it('lets the next backup compare every byte, and ends with a verification', async () => {
    const repository = await makeRepository();
    const { uuid } = await repository.backup();
    await repository.backup();
    // Damage that no index knows of yet: only looking at the bytes finds it.
    await json(repository, 'distrust', '-r', 'last');
    expect((await repository.backy('status')).stdout).toContain('1 distrusted revision');
    const { record } = await json(repository, 'backup', 'manual:after');
    expect(record.parent).toBe(uuid);
    expect(await json(repository, 'verify', '-r', 'trust:distrusted')).toMatchObject({ good: true });
    expect((await repository.status()).summary.distrusted).toBe(0);
  });
});

describe('verify', () => {
  it('keeps a report of every bad block in the quarantine, and deletes nothing', async () => {
    const repository = await makeRepository();
    const { uuid } = await repository.backup();
    const before = repository.revisionFiles();
    chmodSync(repository.path(uuid), 0o600);
    flipByte(repository.path(uuid), 300 * KIB);
    const { exitCode, stdout } = await repository.backy('verify');
    expect(exitCode).toBe(1);
    const [, report = ''] = /all of them in (.*)/.exec(stdout) ?? [];
    expect(report.startsWith(repository.path(`quarantine/${uuid}.`))).toBe(true);
    const [header, ...blocks] = readFileSync(report, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(header).toMatchObject({ uuid, size: MIB });
    expect(blocks).toMatchObject([{ offset: 256 * KIB, length: 256 * KIB }]);
    expect(statSync(report).mode & 0o777).toBe(0o400);
    expect(repository.revisionFiles()).toEqual(before);
    expect((await repository.backy('status')).stdout).toContain('distrusted');
  });

  it('finds bad blocks even if no report can be written', async () => {
    const repository = await makeRepository();
    const { uuid } = await repository.backup();
    writeFileSync(repository.path('quarantine'), '');
    chmodSync(repository.path(uuid), 0o600);
    flipByte(repository.path(uuid), 300 * KIB);
    const { exitCode, stderr } = await repository.backy('verify');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/the report .* was not written: /);
    expect((await repository.backy('status')).stdout).toContain('distrusted');
  });
});

describe('schedule', () => {
  it('shows backups, kept revisions, the largest gap and the space', async () => {
    const repository = await makeRepository();
    await expectFailure(repository.backy, ['schedule', 'soon'], { code: 'BACKY_USAGE', says: ['"soon"'] });
    expect((await repository.backy('schedule', '1')).stdout).toContain('disk use unknown');
    await repository.backy('backup');
    writeAt(repository.source, 0, randomBytes(4 * KIB));
    const { stdout } = await repository.backy('schedule', '90');
    expect(stdout).toMatch(/^== Backups\nDate .*Tags\n(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}[a-z,]+\n){80,}/);
    expect(stdout).toMatch(
      /\n== Kept on .*\nDate .*\n(\d{4}-\d\d-\d\d .*\n){15,20}\n== Summary\n\d+ backups, \d+ revisions kept\n/,
    );
    expect(stdout).toMatch(
      /largest gap \d+d.*, from .* to .*\n1\.00 MiB data \(predicted from what changed so far\)\n$/,
    );
    const simulated = await json(repository, 'schedule', '3650', '--from-nothing');
    expect(simulated.backups.length).toBeGreaterThan(3650);
    expect(repository.revisionFiles()).toHaveLength(3);
  });
});

describe('status of all repositories', () => {
  it('is an overview that follows every change, cached or not', async () => {
    const base = scratchForTest();
    const source = join(scratchForTest(), 'disk.img');
    writeFileSync(source, randomBytes(MIB));
    const one = await createRepository(join(base, 'one'), source);
    await createRepository(join(base, 'two'), source);
    await one.backup();
    // Other names of one of them, before and after its own, are no further ones.
    for (const name of ['alias', 'zero']) symlinkSync(one.directory, join(base, name));
    const overview = async () => JSON.parse((await backy(base, ['--json', 'status', '--all'])).stdout);
    const revisions = async () => (await overview()).summary.revisions;
    for (let time = 0; time < 3; time += 1) {
      expect(await overview()).toMatchObject({
        repositories: [
          { name: 'one', totals: { revisions: 1 } },
          { name: 'two', totals: { newest: null } },
        ],
        summary: { repositories: 2, unreadable: 0, revisions: 1, bytesWritten: MIB },
      });
    }
    expect(JSON.parse(readFileSync(one.path('.revisions'), 'utf8'))).toMatchObject({ revisions: 1 });
    await one.backup();
    expect(await revisions()).toBe(2);
    await one.backy('distrust', '-r', 'first');
    expect((await overview()).summary.distrusted).toBe(1);
    await one.backy('forget', '-r', 'first');
    expect(await revisions()).toBe(1);
    // Somebody edits a record in place.
    const record = await one.backy('find').then(({ stdout }) => `${stdout.trim()}.rev`);
    writeFileSync(record, readFileSync(record, 'utf8').replace('"trusted"', '"distrusted"'));
    expect((await overview()).summary.distrusted).toBe(1);
    writeFileSync(record, readFileSync(record, 'utf8').replace('"distrusted"', '"trusted"'));
    expect((await overview()).summary.distrusted).toBe(0);
    writeFileSync(one.path('.revisions'), '{"stamp":"torn');
    expect(await revisions()).toBe(1);
    const { stdout } = await backy(base, ['status', '--all']);
    expect(stdout).toMatch(
      /^== Repositories\nName .*\none +1 .*\ntwo +0 .*no good revision\n\n== Summary\n2 repositories\n1 revision\n/m,
    );
    // One that has lost its configuration is no reason to show it less.
    renameSync(one.path('config'), one.path('config.old'));
    const { repositories, summary } = await overview();
    expect(repositories).toMatchObject([
      { name: 'one', problem: expect.stringMatching(/config is missing/) },
      { name: 'two' },
    ]);
    expect(summary).toMatchObject({ repositories: 2, unreadable: 1 });
  });
});
