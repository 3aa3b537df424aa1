import { linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { fleetLines } from '../../../../src/cli/ui/fleet-table.ts';
import { statusLines } from '../../../../src/cli/ui/status-table.ts';
import { backyError } from '../../../../src/errors.ts';
import { ioError } from '../../../../src/io-error.ts';
import { backup } from '../../../../src/operations/backup/backup.ts';
import { status } from '../../../../src/operations/status/status.ts';
import { statusOfAll } from '../../../../src/operations/status/status-all.ts';
import { unwrapped } from '../../../helpers/unwrapped.ts';
import { makeRecord, revisionId } from '../../records.ts';
import { type Workbench, workbench } from '../workbench.ts';

const DAY_MS = 86_400_000;

function pathOf({ directory }: Workbench): string {
  return join(directory, '.last-run');
}

function noteOf(bench: Workbench): unknown {
  return JSON.parse(readFileSync(pathOf(bench), 'utf8'));
}

async function fails(bench: Workbench, code: string): Promise<void> {
  await expect(backup(bench.context)).rejects.toMatchObject({ code });
}

/** Returns the status without the revisions. */
async function scheduleSection(bench: Workbench): Promise<readonly string[]> {
  const lines = unwrapped(statusLines(await status(bench.context)).join('\n')).split('\n');
  return lines.slice(lines.indexOf('== Schedule') + 1, lines.indexOf('== Summary') - 1);
}

describe('the note of the last run', () => {
  it('says what was backed up, for which slot, and that nothing was due', async () => {
    const bench = workbench();
    await backup(bench.context, { slot: new Date('2026-03-01T03:00Z') });
    const run = { started: '2026-03-01T12:00:00.000Z', ended: '2026-03-01T12:00:00.000Z', code: null };
    expect(noteOf(bench)).toEqual({
      formatVersion: 1,
      ...run,
      outcome: 'ok',
      slot: '2026-03-01T03:00:00.000Z',
      tags: ['daily', 'weekly'],
      message: null,
      failures: 0,
      lastFailure: null,
    });
    await backup(bench.context);
    expect(noteOf(bench)).toMatchObject({ ...run, outcome: 'nothing-due', slot: null, tags: [] });
    expect(bench.names()).not.toContain('.last-run.new');
  });

  it('has every failure, for whatever reason, and counts them until a revision is taken', async () => {
    const bench = workbench();
    rmSync(bench.source);
    await fails(bench, 'BACKY_SOURCE_MISSING');
    expect(noteOf(bench)).toMatchObject({
      outcome: 'failed',
      tags: ['daily', 'weekly'],
      code: 'BACKY_SOURCE_MISSING',
      message: expect.stringContaining(bench.source),
      failures: 1,
    });
    writeFileSync(bench.source, 'x');
    const config = readFileSync(join(bench.directory, 'config'), 'utf8');
    writeFileSync(join(bench.directory, 'config'), 'source:\n  - what?\n');
    await fails(bench, 'BACKY_CONFIG_INVALID');
    expect(noteOf(bench)).toMatchObject({ code: 'BACKY_CONFIG_INVALID', failures: 2 });
    writeFileSync(join(bench.directory, 'config'), config);
    bench.engine.locks.set(join(bench.directory, '.backup'), 'exclusive');
    await fails(bench, 'BACKY_LOCKED');
    bench.engine.locks.clear();
    await expect(backup(bench.context, { tags: ['dialy'] })).rejects.toMatchObject({
      code: 'BACKY_TAG_UNKNOWN',
    });
    const noEngine = { ...bench.context, engine: () => Promise.reject(new TypeError('no\n engine')) };
    await expect(backup(noEngine)).rejects.toThrow('no');
    const failure = { code: 'BACKY_PANIC', message: 'no engine' };
    expect(noteOf(bench)).toMatchObject({ ...failure, failures: 5, lastFailure: { ...failure, tags: [] } });
    bench.now = new Date(bench.now.getTime() + 1000);
    await backup(bench.context);
    expect(noteOf(bench)).toMatchObject({ outcome: 'ok', failures: 0, lastFailure: failure });
  });

  it('takes a cancelled run for no failure, and one that was cut off for one', async () => {
    const bench = workbench();
    const write = vi.spyOn(bench.engine, 'writeImage');
    write.mockRejectedValueOnce(
      backyError('BACKY_CANCELLED', { work: 'backup', aftermath: 'nothing is left' }),
    );
    await fails(bench, 'BACKY_CANCELLED');
    expect(noteOf(bench)).toMatchObject({ outcome: 'cancelled', code: 'BACKY_CANCELLED', failures: 0 });
    let during: unknown;
    write.mockImplementationOnce(async () => {
      during = noteOf(bench);
      throw ioError({ path: '/x', syscall: 'pread', errnoName: 'EIO' });
    });
    await fails(bench, 'BACKY_IO');
    expect(during).toMatchObject({ outcome: 'running', ended: null, tags: ['daily', 'weekly'] });
    // A killed run would have left this note.
    writeFileSync(pathOf(bench), JSON.stringify(during));
    expect(await scheduleSection(bench)).toContainEqual(
      expect.stringContaining('it is running, or was cut off'),
    );
    bench.engine.locks.set(join(bench.directory, '.backup'), 'exclusive');
    await fails(bench, 'BACKY_LOCKED');
    bench.engine.locks.clear();
    writeFileSync(pathOf(bench), JSON.stringify(during));
    await backup(bench.context, { tags: ['manual:x'] });
    expect(noteOf(bench)).toMatchObject({
      outcome: 'ok',
      lastFailure: { outcome: 'failed', message: expect.stringContaining('cut off'), code: null },
    });
  });

  it('never fails a backup', async () => {
    const bench = workbench();
    mkdirSync(pathOf(bench));
    expect((await backup(bench.context))?.record.tags).toEqual(['daily', 'weekly']);
    expect(bench.warnings()).toContainEqual(expect.stringContaining('the run could not be noted in'));
    expect((await status(bench.context)).lastRun).toBeNull();
  });

  it.each([
    ['a symbolic link', symlinkSync],
    ['a second name', linkSync],
  ])('takes the place of %s, and leaves the file behind it as it is', async (_, plant) => {
    const bench = workbench();
    const victim = join(bench.directory, 'victim');
    writeFileSync(victim, 'precious');
    plant(victim, pathOf(bench));
    await backup(bench.context);
    expect(noteOf(bench)).toMatchObject({ outcome: 'ok' });
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });

  it.each(['', '{', '[]', '{"outcome":"ok"}', '{"started":7}', '\u0000\u0000'])(
    'is none when it reads %j',
    async (text) => {
      const bench = workbench();
      writeFileSync(pathOf(bench), text);
      expect((await status(bench.context)).lastRun).toBeNull();
      await backup(bench.context);
      expect((await status(bench.context)).lastRun).toMatchObject({ outcome: 'ok' });
    },
  );
});

describe('status', () => {
  it('is not green over missing backups', async () => {
    const bench = workbench();
    bench.add(makeRecord({ tags: ['daily', 'weekly'], timestamp: '2026-03-01T11:00:00.000Z' }));
    const before = await status(bench.context);
    expect(before.schedule.tags).toMatchObject([
      { tag: 'daily', lastGood: '2026-03-01T11:00:00.000Z', due: false, overdue: false },
      { tag: 'weekly', due: false, overdue: false },
    ]);
    rmSync(bench.source);
    bench.now = new Date(bench.now.getTime() + 56 * DAY_MS);
    for (let run = 0; run < 3; run += 1) await fails(bench, 'BACKY_SOURCE_MISSING');
    const after = await status(bench.context);
    expect(after.summary).toMatchObject({ revisions: 1, overdue: 2 });
    expect(after.schedule.tags).toMatchObject([
      { tag: 'daily', due: true, dueAt: expect.stringMatching(/^2026-03-0/), overdue: true },
      { tag: 'weekly', due: true, overdue: true, overdueAt: expect.stringMatching(/^2026-03-0/) },
    ]);
    expect(after.lastRun).toMatchObject({ outcome: 'failed', code: 'BACKY_SOURCE_MISSING', failures: 3 });
    const lines = await scheduleSection(bench);
    expect(lines[0]).toMatch(/^daily {3}last 2026-03-01 .* {2}due since .* {2}overdue since /);
    expect(lines.slice(2)).toEqual([
      expect.stringMatching(/^last run 2026-04-26 .*: failed for daily,weekly: BACKY_SOURCE_MISSING: /),
      '3 runs failed since one took a revision',
    ]);
  });

  it('says that a repository was never backed up, and when its configuration is none', async () => {
    const bench = workbench();
    expect(await scheduleSection(bench)).toEqual([
      expect.stringMatching(/^daily {3}never +due since /),
      expect.stringMatching(/^weekly {2}never +due since /),
      'never backed up: no good revision has a tag of the schedule',
      'no run is known of',
    ]);
    writeFileSync(join(bench.directory, 'config'), 'schedule: 7');
    expect((await scheduleSection(bench))[0]).toMatch(/^unknown: .*config:1:/);
  });
});

describe('status of all repositories', () => {
  it('names what is overdue, failing or misconfigured, cached or not', async () => {
    const bench = workbench();
    const base = dirname(bench.directory);
    const look = () => statusOfAll(base, { clock: () => bench.now });
    bench.add(makeRecord({ uuid: revisionId(1), tags: ['daily'], timestamp: '2026-03-01T11:00:00.000Z' }));
    bench.add(makeRecord({ uuid: revisionId(2), tags: ['weekly'], timestamp: '2026-02-28T11:00:00.000Z' }));
    for (const round of [1, 2]) {
      expect((await look()).repositories, `round ${round}`).toMatchObject([{ overdue: [] }]);
      await new Promise((settled) => setTimeout(settled, 40));
    }
    bench.now = new Date('2026-03-04T12:00:00Z');
    rmSync(bench.source);
    await fails(bench, 'BACKY_SOURCE_MISSING');
    const overdue = await look();
    expect(overdue).toMatchObject({
      repositories: [{ overdue: ['daily'], lastRun: { code: 'BACKY_SOURCE_MISSING' } }],
      summary: { overdue: 1, failing: 1, misconfigured: 0 },
    });
    expect(unwrapped(fleetLines(overdue).join('\n'))).toMatch(
      / overdue: daily 1 run failed: BACKY_SOURCE_MISSING\n/,
    );
    expect(fleetLines(overdue).slice(-2)).toEqual(['1 overdue', '1 failing']);
    // One from the future hides nothing.
    bench.add(makeRecord({ uuid: revisionId(3), tags: ['daily'], timestamp: '2027-03-01T11:00:00.000Z' }));
    expect((await look()).repositories).toMatchObject([{ overdue: ['daily'] }]);
    writeFileSync(join(bench.directory, 'config'), 'source: {}\n');
    const misconfigured = await look();
    expect(misconfigured).toMatchObject({
      repositories: [{ totals: { revisions: 3 }, misconfigured: expect.stringContaining('config:1:') }],
      summary: { misconfigured: 1, overdue: 0, unreadable: 0 },
    });
    expect(fleetLines(misconfigured).join()).toContain('misconfigured: ');
  });

  it('keeps its totals over runs that take nothing', async () => {
    const bench = workbench();
    const base = dirname(bench.directory);
    await backup(bench.context);
    await statusOfAll(base);
    await new Promise((settled) => setTimeout(settled, 40));
    await statusOfAll(base);
    const cache = readFileSync(join(bench.directory, '.revisions'), 'utf8');
    expect(JSON.parse(cache)).toMatchObject({
      revisions: 1,
      newestOfTags: [{ tag: 'daily' }, { tag: 'weekly' }],
    });
    expect(await backup(bench.context)).toBeUndefined();
    writeFileSync(join(bench.directory, '.revisions'), cache.replace('"revisions":1', '"revisions":77'));
    expect((await statusOfAll(base)).summary.revisions).toBe(77);
  });
});
