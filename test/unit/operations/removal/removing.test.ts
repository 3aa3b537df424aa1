import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { createLook } from '../../../../src/cli/ui/look.ts';
import { statusLines } from '../../../../src/cli/ui/status-table.ts';
import { isBackyError } from '../../../../src/errors.ts';
import { ioError } from '../../../../src/io-error.ts';
import { backup } from '../../../../src/operations/backup/backup.ts';
import { expire } from '../../../../src/operations/removal/expire.ts';
import { forget } from '../../../../src/operations/removal/forget.ts';
import { purge } from '../../../../src/operations/removal/purge.ts';
import { undelete } from '../../../../src/operations/removal/undelete.ts';
import { status } from '../../../../src/operations/status/status.ts';
import { isoDay, makeRecord, type RecordChanges, revisionId } from '../../records.ts';
import { type Workbench, workbench } from '../workbench.ts';

// The free space of this machine must not decide.
vi.mock('../../../../src/repository/free-space.ts', () => ({ isShortOfSpace: async () => false }));

/** Revisions of consecutive days from 2026-01-01 on. The schedule keeps 3 daily and 3 weekly ones. */
function benchWith(...changes: readonly RecordChanges[]): Workbench {
  const bench = workbench();
  for (const [day, change] of changes.entries())
    bench.add(makeRecord({ uuid: revisionId(day), timestamp: isoDay(day), ...change }));
  bench.now = new Date(Date.parse(isoDay(changes.length - 1)));
  return bench;
}

async function listed({ context }: Workbench): Promise<readonly string[]> {
  return (await status(context)).revisions.map(({ uuid }) => uuid);
}

async function trashed({ context }: Workbench): Promise<readonly string[]> {
  return (await status(context)).trash.map(({ record }) => record.uuid);
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (isBackyError(error)) return error.code;
    throw error;
  }
  return 'none';
}

const five = [{}, {}, {}, {}, {}] as const;

describe('expire', () => {
  it('moves what nothing keeps to the trash, and says why', async () => {
    const bench = benchWith(...five);
    const result = await expire(bench.context);
    expect(result.verdicts.map(({ kept }) => kept)).toEqual([false, true, true, true, true]);
    expect(result.verdicts[0]?.reasons).toEqual([{ because: 'expired', tag: 'daily', rank: 5, keep: 3 }]);
    expect(result.freed.bytes).toBeGreaterThan(0);
    expect(await trashed(bench)).toEqual([revisionId(0)]);
    expect(await listed(bench)).toEqual([1, 2, 3, 4].map(revisionId));
  });

  it('takes expired tags away from what stays', async () => {
    const bench = benchWith({ tags: ['daily', 'weekly'] }, {}, {}, {});
    bench.now = new Date(Date.parse(isoDay(5)));
    await expire(bench.context);
    expect((await status(bench.context)).revisions.map(({ tags }) => tags.join())).toEqual([
      'weekly',
      'daily',
      'daily',
      'daily',
    ]);
  });

  it('changes nothing when it is only asked', async () => {
    const bench = benchWith(...five);
    const before = bench.names();
    const result = await expire(bench.context, { dryRun: true });
    expect(result.verdicts.filter(({ kept }) => !kept)).toHaveLength(1);
    expect(bench.names()).toEqual(before);
  });

  it('stops at an implausible plan until it is confirmed (I20)', async () => {
    const bench = benchWith({ tags: [] }, { tags: [] }, {});
    expect(await codeOf(expire(bench.context))).toBe('BACKY_EXPIRY_STOPPED');
    expect(await listed(bench)).toHaveLength(3);
    expect((await expire(bench.context, { dryRun: true })).alarm).toMatchObject({
      alarm: 'half',
      removed: 2,
    });
    await expire(bench.context, { confirmed: true });
    expect(await listed(bench)).toEqual([revisionId(2)]);
  });

  it('stops when a revision is from the future (I20, F12)', async () => {
    const bench = benchWith({ tags: [] }, {}, {});
    bench.now = new Date(Date.parse(isoDay(0)));
    expect(await codeOf(expire(bench.context))).toBe('BACKY_EXPIRY_STOPPED');
    expect(await listed(bench)).toHaveLength(3);
  });

  it('follows each backup, and a problem with it does not spoil the backup', async () => {
    const bench = benchWith(...five.map(() => ({ size: 100 })));
    bench.now = new Date(bench.now.getTime() + 3_600_000);
    const made = await backup(bench.context);
    expect(await trashed(bench)).toEqual([revisionId(0), revisionId(1)]);
    expect(bench.last()).toBe(made?.record.uuid);
    bench.now = new Date(bench.now.getTime() + 86_400_000);
    bench.engine.failures.set('moveFiles', ioError({ path: '/r', syscall: 'rename', errnoName: 'EIO' }));
    expect(await backup(bench.context)).toBeDefined();
    expect(bench.warnings()).toEqual([expect.stringContaining('EIO')]);
  });

  it('waits while somebody reads', async () => {
    const bench = benchWith(...five);
    bench.engine.locks.set(bench.context.layout.removalLock, 1);
    await backup(bench.context);
    expect(await trashed(bench)).toEqual([]);
    expect(bench.log).toContainEqual(['info', 'expiry is left to the next backup: somebody reads here']);
    expect(await codeOf(expire(bench.context))).toBe('BACKY_LOCKED');
  });
});

describe('forget', () => {
  it('moves the links away from what goes', async () => {
    const bench = benchWith({}, {});
    await forget(bench.context, { revisions: 'last' });
    expect(await listed(bench)).toEqual([revisionId(0)]);
    expect(bench.last()).toBe(revisionId(0));
    expect(await trashed(bench)).toEqual([revisionId(1)]);
  });

  it('takes many at once, and only says so when asked', async () => {
    const bench = benchWith(...five);
    const result = await forget(bench.context, { revisions: '4..2', dryRun: true });
    expect(result).toMatchObject({ removed: [0, 1, 2].map(revisionId), graceMs: 86_400_000, dryRun: true });
    expect(await listed(bench)).toHaveLength(5);
    await forget(bench.context, { revisions: '4..2' });
    expect(await listed(bench)).toEqual([3, 4].map(revisionId));
  });

  it('refuses the last good revision unless told to go on (I17)', async () => {
    const bench = benchWith({}, { trust: 'distrusted' });
    for (const revisions of [revisionId(0), 'all'])
      expect(await codeOf(forget(bench.context, { revisions }))).toBe('BACKY_LAST_GOOD');
    await forget(bench.context, { revisions: revisionId(1) });
    await forget(bench.context, { revisions: 'all', evenTheLast: true });
    expect(await listed(bench)).toEqual([]);
    expect(bench.names()).not.toContain('last');
  });

  it('refuses what is held until the hold ends (I21)', async () => {
    const hold = { reason: 'audit', since: isoDay(0), until: isoDay(9) };
    const bench = benchWith({ hold }, {});
    expect(await codeOf(forget(bench.context, { revisions: 'first' }))).toBe('BACKY_HELD');
    bench.now = new Date(Date.parse(isoDay(9)));
    await forget(bench.context, { revisions: 'first' });
    expect(await trashed(bench)).toEqual([revisionId(0)]);
  });

  it('takes a damaged revision by its whole id alone', async () => {
    const bench = benchWith({}, {});
    writeFileSync(join(bench.directory, `${revisionId(0)}.rev`), 'torn');
    expect(await codeOf(forget(bench.context, { revisions: 'first' }))).toBe('BACKY_LAST_GOOD');
    await forget(bench.context, { revisions: revisionId(0) });
    expect((await status(bench.context)).damaged).toEqual([]);
  });

  it('goes on where nobody can tell what it frees', async () => {
    const bench = benchWith({}, {});
    bench.engine.failures.set('measureFreed', ioError({ path: '/r', syscall: 'open', errnoName: 'EACCES' }));
    const { freed } = await forget(bench.context, { revisions: 'last' });
    expect(freed).toEqual({
      bytes: 0,
      estimated: true,
      reason: expect.stringContaining('permission denied'),
    });
    expect(await trashed(bench)).toEqual([revisionId(1)]);
  });

  it('removes for good where the configuration leaves no time for second thoughts', async () => {
    const bench = benchWith({}, {});
    const config = {
      source: { type: 'file', filename: bench.source },
      schedule: {},
      'grace-time': 0,
    };
    writeFileSync(join(bench.directory, 'config'), JSON.stringify(config));
    await forget(bench.context, { revisions: 'last' });
    expect(readdirSync(join(bench.directory, '.trash'))).toEqual([]);
  });

  it('works on a full disk, where there is no room for a trash (I32)', async () => {
    const bench = benchWith({}, {}, {});
    await forget(bench.context, { revisions: 'last' });
    bench.engine.failures.set(
      'makeDirectory',
      ioError({ path: '/r', syscall: 'mkdir', errnoName: 'ENOSPC' }),
    );
    await forget(bench.context, { revisions: 'last' });
    expect(await listed(bench)).toEqual([revisionId(0)]);
    expect(await trashed(bench)).toEqual([]);
    expect(existsSync(join(bench.directory, revisionId(1)))).toBe(false);
    expect(bench.warnings()).toEqual([expect.stringContaining('cannot be brought back')]);
  });

  it('works with a broken configuration', async () => {
    const bench = benchWith({}, {});
    writeFileSync(join(bench.directory, 'config'), 'torn: [');
    await forget(bench.context, { revisions: 'last' });
    expect(await trashed(bench)).toEqual([revisionId(1)]);
  });
});

describe('undelete', () => {
  it('brings back what was removed, whole, and the links with it', async () => {
    const bench = benchWith({}, {});
    const before = bench.names();
    await forget(bench.context, { revisions: 'last' });
    const { revisions } = await undelete(bench.context, 'last');
    expect(revisions).toMatchObject([{ uuid: revisionId(1), tags: ['daily'] }]);
    expect(bench.names().filter((name) => !['.trash', 'last', 'last.rev', 'latest'].includes(name))).toEqual(
      before,
    );
    expect(bench.last()).toBe(revisionId(1));
  });

  it('gives a tag to what the schedule would take away again', async () => {
    const bench = benchWith(...five);
    await expire(bench.context);
    const { revisions } = await undelete(bench.context, 'all');
    expect(revisions).toMatchObject([{ uuid: revisionId(0), tags: ['daily', 'manual:undeleted'] }]);
    await expire(bench.context);
    expect(await listed(bench)).toHaveLength(5);
  });

  it('brings a damaged revision back by its whole id, as damaged as it was', async () => {
    const bench = benchWith({}, {});
    writeFileSync(join(bench.directory, `${revisionId(0)}.rev`), 'torn');
    await forget(bench.context, { revisions: revisionId(0) });
    const { trash, damagedTrash, summary } = await status(bench.context);
    expect(trash).toEqual([]);
    expect(summary.trash).toBe(1);
    expect(damagedTrash).toEqual([
      {
        uuid: revisionId(0),
        reason: expect.stringContaining('damaged'),
        removedAt: bench.now.toISOString(),
        keptUntil: new Date(bench.now.getTime() + 86_400_000).toISOString(),
      },
    ]);
    expect(statusLines(await status(bench.context), createLook({ verbose: true }))).toEqual(
      expect.arrayContaining([
        '== Trash',
        expect.stringMatching(new RegExp(`${revisionId(0)} .*damaged.* can be brought back until`)),
        '1 revision in the trash',
      ]),
    );
    expect(await codeOf(undelete(bench.context, 'all'))).toBe('BACKY_NOT_IN_TRASH');
    const { revisions, damaged } = await undelete(bench.context, revisionId(0));
    expect(revisions).toEqual([]);
    expect(damaged).toMatchObject([{ uuid: revisionId(0) }]);
    expect((await status(bench.context)).damaged).toEqual(damaged);
    expect(bench.names()).toContain(`${revisionId(0)}.hashes`);
  });

  it('makes a revision whole of which a part stayed behind', async () => {
    const bench = benchWith({}, {});
    await forget(bench.context, { revisions: 'first' });
    const batch = join(bench.directory, '.trash', readdirSync(join(bench.directory, '.trash'))[0] ?? '');
    renameSync(join(batch, revisionId(0)), join(bench.directory, revisionId(0)));
    expect((await status(bench.context)).damagedTrash).toMatchObject([{ reason: 'its image is missing' }]);
    vi.spyOn(bench.engine, 'moveFiles').mockRejectedValueOnce(
      ioError({ path: join(batch, revisionId(0)), syscall: 'rename', errnoName: 'EPERM' }),
    );
    const { revisions } = await undelete(bench.context, revisionId(0));
    expect(revisions).toMatchObject([{ uuid: revisionId(0) }]);
    expect(await listed(bench)).toEqual([0, 1].map(revisionId));
    const image = join(bench.directory, revisionId(0));
    expect(bench.warnings()).toEqual([
      expect.stringContaining(`Cannot rename ${image}: operation not permitted`),
    ]);
  });

  it('changes nothing where the configuration is broken', async () => {
    const bench = benchWith(...five);
    await expire(bench.context);
    const names = bench.names();
    writeFileSync(bench.context.layout.config, 'source: [');
    expect(await codeOf(undelete(bench.context, 'all'))).toBe('BACKY_CONFIG_INVALID');
    expect(bench.names()).toEqual(names);
    expect(bench.engine.locks.size).toBe(0);
  });

  it('looks in the trash alone', async () => {
    const bench = benchWith({}, {});
    expect(await codeOf(undelete(bench.context, 'last'))).toBe('BACKY_NOT_IN_TRASH');
    await forget(bench.context, { revisions: 'last' });
    expect(await codeOf(undelete(bench.context, revisionId(0)))).toBe('BACKY_NOT_IN_TRASH');
  });
});

describe('purging the trash', () => {
  it('is purge', async () => {
    const bench = benchWith({}, {});
    await forget(bench.context, { revisions: 'last' });
    expect(await purge(bench.context)).toEqual({
      removed: [],
      emptied: [revisionId(1)],
      unrecorded: [],
      foreign: [],
      dryRun: false,
    });
    expect(await trashed(bench)).toEqual([]);
  });

  it('is a backup, once the grace time has passed', async () => {
    const bench = benchWith({}, {}, {});
    await forget(bench.context, { revisions: '1' });
    bench.now = new Date(bench.now.getTime() + 86_400_000);
    await backup(bench.context, { tags: ['manual:x'] });
    expect(await trashed(bench)).toEqual([revisionId(1)]);
    bench.now = new Date(bench.now.getTime() + 1);
    await backup(bench.context, { tags: ['manual:x'] });
    expect(await trashed(bench)).toEqual([]);
  });

  it('is a backup that found no space', async () => {
    const bench = benchWith({}, {}, {});
    await forget(bench.context, { revisions: '1' });
    bench.engine.failures.set('writeImage', ioError({ path: '/r', syscall: 'pwrite', errnoName: 'ENOSPC' }));
    expect(await codeOf(backup(bench.context, { tags: ['manual:x'] }))).toBe('BACKY_IO');
    expect(await trashed(bench)).toEqual([]);
  });
});
