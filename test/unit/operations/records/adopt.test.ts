import { existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { revisionLine } from '../../../../src/cli/ui/revision-line.ts';
import { backyError } from '../../../../src/errors.ts';
import { backup } from '../../../../src/operations/backup/backup.ts';
import { adopt } from '../../../../src/operations/records/adopt.ts';
import { expire } from '../../../../src/operations/removal/expire.ts';
import { forget } from '../../../../src/operations/removal/forget.ts';
import { purge } from '../../../../src/operations/removal/purge.ts';
import { undelete } from '../../../../src/operations/removal/undelete.ts';
import { find } from '../../../../src/operations/status/find.ts';
import { status } from '../../../../src/operations/status/status.ts';
import { verify } from '../../../../src/operations/verify/verify.ts';
import { makeRecord, revisionId } from '../../records.ts';
import { type Workbench, workbench } from '../workbench.ts';

const [ID, OTHER] = [revisionId(1), revisionId(2)];
const LEGACY = 'asErgTHJaw2WmhFbBVxEPB';
/** The time in the ids of these tests. */
const IN_ID = '2026-11-24T02:51:50.746Z';

/** A repository with images whose records are lost. */
function benchWithLost(...ids: readonly string[]): Workbench {
  const bench = workbench();
  for (const uuid of ids) {
    bench.add(makeRecord({ uuid }));
    rmSync(bench.context.layout.files(uuid).record);
  }
  return bench;
}

const withoutIndex = (bench: Workbench, id: string): void => rmSync(bench.context.layout.files(id).index);

describe('an image that has lost its record', () => {
  it('is named by status, and removed by no machine', async () => {
    const bench = benchWithLost(ID, LEGACY);
    withoutIndex(bench, LEGACY);
    const before = bench.names();
    const { revisions, unrecorded, summary } = await status(bench.context);
    expect(revisions).toEqual([]);
    expect(unrecorded.map(({ uuid, indexed }) => [uuid, indexed])).toEqual(
      expect.arrayContaining([
        [ID, true],
        [LEGACY, false],
      ]),
    );
    expect(summary.unrecorded).toBe(2);
    await purge(bench.context);
    await expire(bench.context, { confirmed: true });
    await backup(bench.context);
    await backup(bench.context, { tags: ['manual:again'] });
    expect(bench.names()).toEqual(expect.arrayContaining([...before]));
    expect(bench.warnings().filter((text) => text.includes(`"backy adopt ${ID}"`))).toHaveLength(3);
  });

  it('is what is said of it when it is asked for', async () => {
    const bench = benchWithLost(ID);
    const attempt = find(bench.context, ID);
    await expect(attempt).rejects.toMatchObject({ code: 'BACKY_RECORD_MISSING', details: { uuid: ID } });
  });

  it('is one only while its record is not there: copied back, image first and record last, it is whole', async () => {
    const bench = benchWithLost(ID);
    await backup(bench.context);
    bench.add(makeRecord({ uuid: ID }));
    const { revisions, unrecorded } = await status(bench.context);
    expect([revisions.length, unrecorded]).toEqual([2, []]);
  });
});

describe('adopt', () => {
  it('makes a record of what the files tell, distrusted until it is verified', async () => {
    const bench = benchWithLost(ID);
    const { adopted, refused } = await adopt(bench.context);
    expect(refused).toEqual([]);
    expect(adopted).toMatchObject([
      {
        uuid: ID,
        timestamp: IN_ID,
        parent: null,
        tags: ['manual:adopted'],
        trust: 'distrusted',
        size: 3,
        digest: 'cd'.repeat(32),
        consistency: 'live',
        adopted: { at: bench.now.toISOString(), index: 'found' },
      },
    ]);
    expect((await status(bench.context)).revisions).toEqual(adopted);
    expect(statSync(join(bench.directory, ID)).mode & 0o777).toBe(0o400);
    const { verdicts } = await verify(bench.context);
    expect(verdicts).toMatchObject([{ verdict: 'good', problem: null }]);
    expect((await status(bench.context)).revisions).toMatchObject([{ trust: 'verified' }]);
  });

  it('makes a missing index from the image, and says what that is worth', async () => {
    const bench = benchWithLost(LEGACY);
    withoutIndex(bench, LEGACY);
    utimesSync(join(bench.directory, LEGACY), 1_400_000_000, 1_400_000_000);
    const { adopted } = await adopt(bench.context);
    expect(adopted).toMatchObject([
      { timestamp: '2014-05-13T16:53:20.000Z', trust: 'distrusted', adopted: { index: 'made' } },
    ]);
    expect(bench.names()).toEqual([LEGACY, `${LEGACY}.hashes`, `${LEGACY}.rev`]);
    const { good, verdicts } = await verify(bench.context);
    expect([good, verdicts[0]?.problem]).toEqual([true, expect.stringContaining('made from the image')]);
  });

  it('only says what it would do in a dry run', async () => {
    const bench = benchWithLost(ID, LEGACY);
    withoutIndex(bench, LEGACY);
    const before = bench.names();
    const { adopted, dryRun } = await adopt(bench.context, { dryRun: true });
    expect([adopted.length, dryRun]).toEqual([2, true]);
    expect(bench.names()).toEqual(before);
    const lines = adopted.map(revisionLine);
    expect((await adopt(bench.context)).adopted.map(({ adopted: how }) => how)).toEqual(
      adopted.map(({ adopted: how }) => how),
    );
    expect(lines.join()).not.toContain('live');
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/ adopted 2026-03-01 [^,]+$/),
        expect.stringMatching(/ adopted 2026-03-01 .*, its index made from the image$/),
      ]),
    );
  });

  it('takes the images that are named, and no other', async () => {
    const bench = benchWithLost(ID, OTHER);
    expect((await adopt(bench.context, { ids: [OTHER] })).adopted).toMatchObject([{ uuid: OTHER }]);
    expect((await status(bench.context)).unrecorded).toMatchObject([{ uuid: ID }]);
    for (const id of [OTHER, revisionId(9), ID.slice(0, 8), '../x'])
      await expect(adopt(bench.context, { ids: [id] })).rejects.toMatchObject({
        code: 'BACKY_NOT_ADOPTABLE',
      });
  });

  it('leaves an image alone that is not of the size of its index: it may still be on its way', async () => {
    const bench = benchWithLost(ID, OTHER);
    const damaged = backyError('BACKY_INDEX_DAMAGED', { path: '/i', detail: 'it is for another image' });
    bench.engine.failures.set('describeIndex', damaged);
    const { adopted, refused } = await adopt(bench.context);
    expect([adopted.length, refused.length]).toEqual([1, 1]);
    expect((await status(bench.context)).unrecorded).toMatchObject([{ uuid: refused[0]?.uuid }]);
  });

  it('replaces a record that cannot be read when it is named, and keeps the old one', async () => {
    const bench = benchWithLost(ID);
    const { record } = bench.context.layout.files(ID);
    writeFileSync(record, '{"torn": ');
    expect((await adopt(bench.context)).adopted).toEqual([]);
    expect((await adopt(bench.context, { ids: [ID] })).adopted).toMatchObject([{ uuid: ID }]);
    const kept = join(bench.directory, 'quarantine', `${ID}.20260301T120000000Z.rev`);
    expect(readFileSync(kept, 'utf8')).toBe('{"torn": ');
    expect((await status(bench.context)).damaged).toEqual([]);
  });

  it.each(['indexImage', 'sealFiles', 'createFile'] as const)(
    'leaves the image as it was when %s fails, and the next one succeeds',
    async (method) => {
      const bench = benchWithLost(ID);
      withoutIndex(bench, ID);
      const cancelled = backyError('BACKY_CANCELLED', { work: 'x', aftermath: 'y' });
      bench.engine.failures.set(method, cancelled);
      await adopt(bench.context).catch(() => {});
      await purge(bench.context);
      expect(existsSync(join(bench.directory, ID))).toBe(true);
      await adopt(bench.context);
      expect((await status(bench.context)).revisions).toMatchObject([
        { uuid: ID, adopted: { index: 'made' } },
      ]);
      expect(bench.names()).toEqual([ID, `${ID}.hashes`, `${ID}.rev`]);
    },
  );
});

describe('forget', () => {
  it('removes an image without a record when a person says so, and it comes back as a revision', async () => {
    const bench = benchWithLost(ID, OTHER);
    expect(await forget(bench.context, { revisions: ID, dryRun: true })).toMatchObject({ removed: [ID] });
    expect(await forget(bench.context, { revisions: ID })).toMatchObject({ removed: [ID] });
    const after = await status(bench.context);
    expect(after.unrecorded).toMatchObject([{ uuid: OTHER }]);
    expect(after.trash).toMatchObject([{ record: { uuid: ID, trust: 'distrusted' } }]);
    await undelete(bench.context, ID);
    const { revisions } = await status(bench.context);
    expect(revisions).toMatchObject([{ uuid: ID, trust: 'distrusted' }]);
    expect(revisions.map(revisionLine).join()).not.toContain('live');
  });

  it('has it gone for good with the trash', async () => {
    const bench = benchWithLost(ID);
    await forget(bench.context, { revisions: ID });
    await purge(bench.context);
    expect(bench.names().filter((name) => name.startsWith(ID))).toEqual([]);
    expect((await status(bench.context)).trash).toEqual([]);
  });
});
