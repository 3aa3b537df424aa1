import { describe, expect, it } from 'vitest';
import { isBackyError } from '../../../../src/errors.ts';
import { distrust } from '../../../../src/operations/records/distrust.ts';
import { editTags } from '../../../../src/operations/records/edit-tags.ts';
import { hold, release } from '../../../../src/operations/records/hold.ts';
import { simulate } from '../../../../src/operations/status/simulate.ts';
import { status } from '../../../../src/operations/status/status.ts';
import { methodsCalled } from '../../fake-engine.ts';
import { isoDay, makeRecord, revisionId } from '../../records.ts';
import { type Workbench, workbench } from '../workbench.ts';

function benchWith(count: number): Workbench {
  const bench = workbench();
  for (let day = 0; day < count; day += 1)
    bench.add(makeRecord({ uuid: revisionId(day), timestamp: isoDay(day) }));
  return bench;
}

async function tagsOf(bench: Workbench): Promise<readonly string[]> {
  return (await status(bench.context)).revisions.map(({ tags }) => tags.join());
}

async function failure(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await work;
  } catch (error) {
    if (isBackyError(error)) return error;
    throw error;
  }
  return { code: 'none', message: '' };
}

describe('editTags', () => {
  it.each([
    ['set', ['weekly'], 'weekly'],
    ['add', ['weekly', 'daily'], 'daily,weekly'],
    ['remove', ['daily'], ''],
    ['remove', ['long-gone'], 'daily'],
    ['set', ['manual:a', 'manual:a'], 'manual:a'],
  ] as const)('%ss %j', async (action, tags, expected) => {
    const bench = benchWith(2);
    await editTags(bench.context, { action, tags });
    expect(await tagsOf(bench)).toEqual(['daily', expected]);
  });

  it('keeps a purge from taking the new record for a leftover', async () => {
    const bench = benchWith(2);
    const { locks, replaceFile } = bench.engine;
    const held: unknown[] = [];
    bench.engine.replaceFile = (...args) => {
      held.push(locks.get(bench.context.layout.removalLock));
      return replaceFile(...args);
    };
    await editTags(bench.context, { action: 'set', tags: ['weekly'] });
    expect(held).toEqual([1]);
    expect(locks.size).toBe(0);
  });

  it('writes only what changes', async () => {
    const bench = benchWith(2);
    const result = await editTags(bench.context, { action: 'add', tags: ['daily'], revisions: 'all' });
    expect(result).toMatchObject({ changed: 0, revisions: [{ tags: ['daily'] }, { tags: ['daily'] }] });
    expect(methodsCalled(bench.engine, 'lockFile')).toEqual([]);
  });

  it('changes nothing at all unless every revision has the expected tags', async () => {
    const bench = benchWith(3);
    await editTags(bench.context, { action: 'set', tags: ['weekly'], revisions: '1' });
    const request = { action: 'add', tags: ['manual:a'], revisions: 'all', expected: ['daily'] } as const;
    expect(await failure(editTags(bench.context, request))).toMatchObject({
      code: 'BACKY_TAGS_DIFFER',
      message: `Revision ${revisionId(1)} has the tags weekly, not daily`,
    });
    expect(await tagsOf(bench)).toEqual(['daily', 'weekly', 'daily']);
  });

  it('takes the tags of the schedule alone, unless it is forced', async () => {
    const bench = benchWith(1);
    const request = { action: 'add', tags: ['dayly'] } as const;
    expect((await failure(editTags(bench.context, request))).code).toBe('BACKY_TAG_UNKNOWN');
    await editTags(bench.context, { ...request, force: true });
    expect(await tagsOf(bench)).toEqual(['daily,dayly']);
    expect((await failure(editTags(bench.context, { ...request, tags: ['-rf'], force: true }))).code).toBe(
      'BACKY_TAG_INVALID',
    );
  });

  it('gives no more tags than a record has room for', async () => {
    const bench = benchWith(1);
    const many = (from: number, count: number) =>
      Array.from({ length: count }, (_, n) => `manual:${from + n}`);
    const tags = (action: 'set' | 'add', list: readonly string[]) =>
      editTags(bench.context, { action, tags: list });
    expect((await failure(tags('set', many(0, 101)))).code).toBe('BACKY_INVALID_ARGUMENT');
    await tags('set', many(0, 100));
    await tags('add', many(50, 50));
    expect((await failure(tags('add', ['manual:100']))).message).toContain('up to 100 tags');
    expect((await status(bench.context)).revisions).toMatchObject([{ tags: many(0, 100) }]);
  });

  it('is for one at a time', async () => {
    const bench = benchWith(1);
    bench.engine.locks.set(bench.context.layout.writerLock, 'exclusive');
    expect((await failure(editTags(bench.context, { action: 'set', tags: ['daily'] }))).code).toBe(
      'BACKY_LOCKED',
    );
  });
});

describe('hold', () => {
  it('is in the record and in status until it is released', async () => {
    const bench = benchWith(2);
    await hold(bench.context, { reason: '  audit 2026 ', until: new Date('2026-04-01T00:00:00Z') });
    expect(await status(bench.context)).toMatchObject({
      revisions: [
        {},
        {
          hold: {
            reason: 'audit 2026',
            since: '2026-03-01T12:00:00.000Z',
            until: '2026-04-01T00:00:00.000Z',
          },
        },
      ],
      summary: { held: 1 },
    });
    await release(bench.context);
    const { revisions, summary } = await status(bench.context);
    expect(summary.held).toBe(0);
    expect(revisions.every((record) => !('hold' in record))).toBe(true);
  });

  it('ends by itself', async () => {
    const bench = benchWith(1);
    await hold(bench.context, { reason: 'x', until: new Date('2026-04-01T00:00:00Z') });
    bench.now = new Date('2026-04-01T00:00:00Z');
    expect((await status(bench.context)).summary.held).toBe(0);
  });

  it('wants a reason of a length for people, and an end to come', async () => {
    const bench = benchWith(1);
    const lengthy = await failure(hold(bench.context, { reason: 'x'.repeat(1001) }));
    expect(lengthy).toMatchObject({ code: 'BACKY_HOLD_INVALID', message: expect.stringContaining('1,000') });
    await hold(bench.context, { reason: '€'.repeat(1000) });
    expect((await status(bench.context)).damaged).toEqual([]);
    const past = new Date('2026-02-01T00:00:00Z');
    expect((await failure(hold(bench.context, { reason: ' ' }))).code).toBe('BACKY_HOLD_INVALID');
    expect((await failure(hold(bench.context, { reason: 'x', until: past }))).code).toBe(
      'BACKY_HOLD_INVALID',
    );
  });
});

describe('distrust', () => {
  it('is for all unless told otherwise, and moves the links', async () => {
    const bench = benchWith(3);
    await distrust(bench.context, 'last');
    expect(bench.last()).toBe(revisionId(1));
    expect((await distrust(bench.context)).changed).toBe(2);
    expect((await status(bench.context)).summary.distrusted).toBe(3);
  });
});

describe('simulate', () => {
  it('goes on from the present and predicts from what changed so far', async () => {
    const bench = benchWith(3);
    bench.now = new Date(Date.parse(isoDay(2)));
    const { backups, kept, predictedBytes } = await simulate(bench.context, { days: 2 });
    expect(backups.map(({ at, tags }) => [at, tags.join()])).toEqual([
      [isoDay(2), 'weekly'],
      [isoDay(3), 'daily'],
      [isoDay(4), 'daily'],
    ]);
    expect(kept.map(({ takenAt }) => takenAt)).toEqual([
      isoDay(1),
      isoDay(2),
      isoDay(2),
      isoDay(3),
      isoDay(4),
    ]);
    expect(kept.map(({ uuid }) => uuid)).toEqual([
      revisionId(1),
      revisionId(2),
      undefined,
      undefined,
      undefined,
    ]);
    // 1 MiB less 512 bytes of zeros, then 2048 bytes for each of three days.
    expect(predictedBytes).toBe(2 ** 20 - 512 + 3 * 2048);
  });

  it('begins with nothing when asked, and knows nothing of the space in an empty repository', async () => {
    expect((await simulate(benchWith(3).context, { days: 1, fromNothing: true })).backups).toHaveLength(2);
    expect((await simulate(benchWith(0).context, { days: 1 })).predictedBytes).toBeUndefined();
  });
});
