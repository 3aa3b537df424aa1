import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { backyError } from '../../../../src/errors.ts';
import { ioError } from '../../../../src/io-error.ts';
import { status } from '../../../../src/operations/status/status.ts';
import { verify } from '../../../../src/operations/verify/verify.ts';
import { isoDay, makeRecord, revisionId } from '../../records.ts';
import { type Workbench, workbench } from '../workbench.ts';

const bad = { badCount: 1, badBlocks: [{ offset: 0, length: 262144, expected: 'aa', found: 'bb' }] };

function benchWith(count: number): Workbench {
  const bench = workbench();
  for (let day = 0; day < count; day += 1)
    bench.add(makeRecord({ uuid: revisionId(day), timestamp: isoDay(day) }));
  return bench;
}

async function trusts(bench: Workbench): Promise<readonly string[]> {
  return (await status(bench.context)).revisions.map(({ trust }) => trust);
}

describe('verify', () => {
  it('makes good revisions verified, distrusted ones too', async () => {
    const bench = benchWith(1);
    bench.add(makeRecord({ uuid: revisionId(1), timestamp: isoDay(1), trust: 'distrusted' }));
    const result = await verify(bench.context);
    expect(result).toMatchObject({
      good: true,
      verdicts: [{ verdict: 'good', recorded: true }, { verdict: 'good' }],
    });
    expect((await status(bench.context)).revisions).toMatchObject([
      { trust: 'verified', verifiedAt: '2026-03-01T12:00:00.000Z' },
      { trust: 'verified', verifiedAt: '2026-03-01T12:00:00.000Z' },
    ]);
    expect(bench.engine.locks.size).toBe(0);
  });

  it('takes as much of the machine as it is told, for each revision', async () => {
    const bench = benchWith(2);
    const verifyImage = vi.spyOn(bench.engine, 'verifyImage');
    await verify(bench.context, { rate: 7, idle: true });
    expect(verifyImage.mock.calls.map(([, operation]) => operation)).toMatchObject([
      { rate: 7, idle: true },
      { rate: 7, idle: true },
    ]);
    await expect(verify(bench.context, { rate: -1 })).rejects.toMatchObject({
      code: 'BACKY_INVALID_ARGUMENT',
    });
  });

  it('makes bad ones distrusted, names their blocks, and moves the links away (I13)', async () => {
    const bench = benchWith(2);
    await verify(bench.context, { revisions: '1' });
    expect(bench.last()).toBe(revisionId(1));
    bench.engine.verifyStats = bad;
    const result = await verify(bench.context, { revisions: 'last' });
    expect(result).toMatchObject({
      good: false,
      verdicts: [{ uuid: revisionId(1), verdict: 'bad', ...bad }],
    });
    expect(await trusts(bench)).toEqual(['verified', 'distrusted']);
    expect(bench.last()).toBe(revisionId(0));
  });

  it('leaves the links when nothing good is left', async () => {
    const bench = benchWith(1);
    await verify(bench.context);
    bench.engine.verifyStats = bad;
    await verify(bench.context);
    expect(await trusts(bench)).toEqual(['distrusted']);
    expect(bench.last()).toBe(revisionId(0));
  });

  it.each([
    [
      'BACKY_INDEX_DAMAGED',
      backyError('BACKY_INDEX_DAMAGED', { path: '/i', detail: 'torn' }),
      'bad',
      'distrusted',
    ],
    ['EIO', ioError({ path: '/i', syscall: 'pread', errnoName: 'EIO' }), 'bad', 'distrusted'],
    ['EMFILE', ioError({ path: '/i', syscall: 'open', errnoName: 'EMFILE' }), 'unknown', 'trusted'],
    ['BACKY_PANIC', backyError('BACKY_PANIC', { detail: 'a bug' }), 'unknown', 'trusted'],
  ])('after %s goes on with the others (I14)', async (_, error, verdict, trust) => {
    const bench = benchWith(2);
    bench.engine.failures.set('verifyImage', error);
    const result = await verify(bench.context);
    expect(result.good).toBe(false);
    expect(result.verdicts).toMatchObject([{ verdict, problem: error.message }, { verdict: 'good' }]);
    expect(await trusts(bench)).toEqual([trust, 'verified']);
  });

  it('is not good over a damaged revision (I27), unless it was not asked for', async () => {
    const bench = benchWith(1);
    writeFileSync(join(bench.directory, `${revisionId(5)}.rev`), '{');
    expect(await verify(bench.context)).toMatchObject({ good: false, damaged: [{ uuid: revisionId(5) }] });
    expect(await verify(bench.context, { revisions: 'all' })).toMatchObject({ good: false });
    expect(await verify(bench.context, { revisions: revisionId(5) })).toMatchObject({
      good: false,
      verdicts: [],
      damaged: [{ uuid: revisionId(5) }],
    });
    expect(await verify(bench.context, { revisions: 'last' })).toMatchObject({ good: true, damaged: [] });
  });

  describe('with repair', () => {
    const block = { offset: 0, length: 262144, expected: 'aa', found: 'bb' };
    const healed = { block, healed: true, from: '/elsewhere', evidence: '/kept' };
    const left = { block, healed: false, reason: 'no other place has these bytes' };

    it.each([
      ['good when all was healed', [healed], 'good', 'verified'],
      ['bad when something was left', [left], 'bad', 'distrusted'],
      ['bad when less was healed than was bad', [], 'bad', 'distrusted'],
    ])('a revision is %s', async (_, repaired, verdict, trust) => {
      const bench = benchWith(1);
      bench.engine.verifyStats = bad;
      bench.engine.repaired = repaired;
      expect(await verify(bench.context, { repair: true })).toMatchObject({ verdicts: [{ verdict }] });
      expect(await trusts(bench)).toEqual([trust]);
    });

    it('offers other revisions, nearest in time first, and then the source', async () => {
      const bench = benchWith(4);
      bench.engine.verifyStats = bad;
      await verify(bench.context, { repair: true, revisions: revisionId(1) });
      const paths = [...[0, 2, 3].map((day) => join(bench.directory, revisionId(day)))];
      expect(bench.engine.calls.find(([method]) => method === 'repairImage')?.[1]).toMatchObject({
        blocks: [0],
        donors: [
          ...paths.map((path) => ({ path, index: `${path}.hashes` })),
          { path: expect.stringContaining(`.backy-`) },
          { path: bench.source },
        ],
      });
    });

    it('heals what shares the damage, and repairs nothing without being asked', async () => {
      const bench = benchWith(2);
      bench.engine.verifyStats = bad;
      bench.engine.sharers = [{ path: join(bench.directory, revisionId(0)), blocks: [0] }];
      const plain = await verify(bench.context, { revisions: revisionId(1) });
      const sharers = [{ uuid: revisionId(0), blocks: [0] }];
      expect(plain.verdicts).toMatchObject([{ verdict: 'bad', sharers, repair: null }]);
      expect(bench.engine.calls.map(([method]) => method)).not.toContain('repairImage');
      bench.engine.repaired = [healed];
      bench.now = new Date('2026-03-01T13:00:00Z');
      const result = await verify(bench.context, { repair: true, revisions: revisionId(1) });
      expect(result.verdicts[0]?.repair?.sharers).toMatchObject([
        { uuid: revisionId(0), healed: [{ offset: 0, from: '/elsewhere' }] },
      ]);
    });

    it('distrusts a sharer that cannot be healed', async () => {
      const bench = benchWith(2);
      bench.engine.verifyStats = bad;
      bench.engine.sharers = [{ path: join(bench.directory, revisionId(0)), blocks: [0] }];
      bench.engine.repaired = [left];
      await verify(bench.context, { repair: true, revisions: revisionId(1) });
      expect(await trusts(bench)).toEqual(['distrusted', 'distrusted']);
    });
  });

  it('ends when it is cancelled', async () => {
    const bench = benchWith(2);
    bench.engine.failures.set(
      'verifyImage',
      backyError('BACKY_CANCELLED', { work: 'verification', aftermath: 'x' }),
    );
    await expect(verify(bench.context)).rejects.toMatchObject({ code: 'BACKY_CANCELLED' });
    expect(await trusts(bench)).toEqual(['trusted', 'trusted']);
    expect(bench.engine.locks.size).toBe(0);
  });

  it('works on a read-only filesystem, and says that it could not record', async () => {
    const bench = benchWith(1);
    bench.engine.lockFile = (path) => {
      throw ioError({ path, syscall: 'open', errnoName: 'EROFS' });
    };
    expect(await verify(bench.context)).toMatchObject({ good: true, verdicts: [{ recorded: false }] });
    expect(bench.warnings()).toEqual([expect.stringContaining('read-only')]);
  });

  it('waits for a writer, and records when it is gone', async () => {
    const bench = benchWith(1);
    const lock = join(bench.directory, '.backup');
    bench.engine.locks.set(lock, 'exclusive');
    const verifying = verify(bench.context);
    setTimeout(() => bench.engine.locks.delete(lock), 250);
    expect(await verifying).toMatchObject({ good: true, verdicts: [{ recorded: true }] });
    expect(bench.engine.calls.filter(([, path]) => path === lock).length).toBeGreaterThan(2);
  });
});
