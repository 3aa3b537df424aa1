import { describe, expect, it } from 'vitest';
import type { RevisionRecord } from '../../../../src/domain/revision.ts';
import { ioError } from '../../../../src/io-error.ts';
import { backup } from '../../../../src/operations/backup/backup.ts';
import { forget } from '../../../../src/operations/removal/forget.ts';
import { undelete } from '../../../../src/operations/removal/undelete.ts';
import { status } from '../../../../src/operations/status/status.ts';
import { verify } from '../../../../src/operations/verify/verify.ts';
import { readRecord } from '../../../../src/repository/read-revisions.ts';
import { type Workbench, workbench } from '../workbench.ts';

const LIE = { offset: 0, length: 100, expected: 'a', found: 'b' };

/** A repository with a full read and two revisions that rest on hints. */
async function benchWithHints(): Promise<{
  bench: Workbench;
  take: (stats: object) => Promise<RevisionRecord>;
  records: readonly [RevisionRecord, RevisionRecord, RevisionRecord];
}> {
  const bench = workbench();
  const take = async (stats: object): Promise<RevisionRecord> => {
    bench.engine.writeStats = stats;
    bench.now = new Date(bench.now.getTime() + 1000);
    return ((await backup(bench.context, { tags: ['daily'] })) ?? expect.unreachable()).record;
  };
  const [full, one, two] = [await take({}), await take({ narrowed: true }), await take({ narrowed: true })];
  bench.log.length = 0;
  return { bench, take, records: [full, one, two] };
}

const lie = { narrowed: false, fallback: 'it lied', hintFailures: [LIE] };

async function trusts(bench: Workbench): Promise<readonly string[]> {
  return (await status(bench.context)).revisions.map(({ trust }) => trust);
}

describe('a hint that was wrong', () => {
  it('makes all that rests on hints since the full read distrusted, and says so', async () => {
    const { bench, take, records } = await benchWithHints();
    const [full, one, two] = records;
    bench.engine.compareStats = { bytesRead: 100, differentCount: 1, different: [LIE] };
    const found = await take(lie);
    expect(await trusts(bench)).toEqual(['trusted', 'distrusted', 'distrusted', 'trusted']);
    const [, first, second, last] = (await status(bench.context)).revisions;
    expect(first?.distrustedBecause).toContain(found.uuid);
    expect(second?.distrustedBecause).toMatch(/^it differs from its snapshot in bytes 0-99/);
    expect(last?.suspects).toBeUndefined();
    expect(bench.last()).toBe(found.uuid);
    expect(bench.warnings()).toContainEqual(expect.stringContaining(`2 revisions may lack changes`));
    expect(bench.warnings()).toContainEqual(expect.stringContaining(`${two.uuid} is wrong`));
    expect(found.stats.fullRead).toBe(found.uuid);
    expect(one.stats.fullRead).toBe(full.uuid);
  });

  it('leaves alone what equals its snapshot', async () => {
    const { bench, take, records } = await benchWithHints();
    await take(lie);
    expect(await trusts(bench)).toEqual(['trusted', 'distrusted', 'trusted', 'trusted']);
    const identity = records[2].source.snapshotFile;
    expect(identity).toBeDefined();
    const compared = bench.engine.calls.filter(([method]) => method === 'compareSource');
    expect(compared).toEqual([
      [
        'compareSource',
        expect.objectContaining({ source: { path: expect.stringContaining(records[2].uuid), identity } }),
      ],
    ]);
    expect(readRecord(bench.context.layout, records[2].uuid)).toEqual(records[2]);
  });

  it('is doubt enough when what rests on it cannot be compared', async () => {
    const { bench, take, records } = await benchWithHints();
    bench.engine.failures.set('compareSource', ioError({ path: '/x', syscall: 'read', errnoName: 'EIO' }));
    await take(lie);
    expect(await trusts(bench)).toEqual(['trusted', 'distrusted', 'distrusted', 'trusted']);
    expect(bench.warnings()).toContainEqual(
      expect.stringMatching(`${records[2].uuid} could not be compared .* stays in doubt`),
    );
  });

  it('counts from the moment of the commit, and the next run writes it down', async () => {
    const { bench, take, records } = await benchWithHints();
    bench.engine.compareStats = { bytesRead: 100, differentCount: 1, different: [LIE] };
    // As if the process had ended between the record of the new revision and those in doubt.
    const { replaceFile } = bench.engine;
    bench.engine.replaceFile = async (path, ...rest) => {
      if (path.endsWith('.rev')) throw ioError({ path, syscall: 'rename', errnoName: 'EIO' });
      await replaceFile(path, ...rest);
    };
    const found = await take(lie);
    const { layout } = bench.context;
    expect(readRecord(layout, records[1].uuid).trust).toBe('trusted');
    expect(await trusts(bench)).toEqual(['trusted', 'distrusted', 'distrusted', 'trusted']);
    expect(bench.last()).toBe(found.uuid);

    bench.engine.replaceFile = replaceFile;
    await take({ narrowed: true });
    expect(readRecord(layout, records[1].uuid)).toMatchObject({
      trust: 'distrusted',
      distrustedBecause: expect.stringContaining(found.uuid),
    });
    expect(readRecord(layout, found.uuid).suspects).toBeUndefined();
    expect((await trusts(bench)).at(-1)).toBe('trusted');
  });

  it('is doubt that verifying does not clear, as the image is what was written', async () => {
    const { bench, take } = await benchWithHints();
    await take(lie);
    expect(await verify(bench.context)).toMatchObject({ good: true });
    expect(await trusts(bench)).toEqual(['verified', 'distrusted', 'verified', 'verified']);
    expect(bench.warnings()).toContainEqual(expect.stringContaining('stays distrusted'));
  });

  it('is no reason to compare the bytes of all revisions from then on', async () => {
    const { bench, take } = await benchWithHints();
    await take(lie);
    await take({ narrowed: true });
    const last = bench.engine.calls.findLast(([method]) => method === 'writeImage');
    expect(last?.[1]).toMatchObject({ compareBytes: false });
  });

  it('reaches the trash, too', async () => {
    const { bench, take, records } = await benchWithHints();
    await forget(bench.context, { revisions: records[1].uuid });
    await take(lie);
    await undelete(bench.context, records[1].uuid);
    const { revisions } = await status(bench.context);
    expect(revisions.find(({ uuid }) => uuid === records[1].uuid)?.trust).toBe('distrusted');
  });
});
