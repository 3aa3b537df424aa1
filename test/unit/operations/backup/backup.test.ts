import { readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { ioError } from '../../../../src/io-error.ts';
import { backup } from '../../../../src/operations/backup/backup.ts';
import { status } from '../../../../src/operations/status/status.ts';
import { methodsCalled } from '../../fake-engine.ts';
import { makeRecord, revisionId } from '../../records.ts';
import { type Workbench, workbench } from '../workbench.ts';
import { cutOff } from './cut-off.ts';

const full = ioError({ path: '/x', syscall: 'pwrite', errnoName: 'ENOSPC' });
const LINKS = ['last', 'last.rev', 'latest'];

describe('backup', () => {
  it('takes what is due, seals it in order and points the links to it (I3)', async () => {
    const bench = workbench();
    const { record } = (await backup(bench.context)) ?? expect.unreachable();
    expect(record).toMatchObject({ tags: ['daily', 'weekly'], trust: 'trusted', parent: null, size: 100 });
    expect(record).toMatchObject({
      timestamp: '2026-03-01T12:00:00.000Z',
      source: { type: 'file', filename: bench.source },
    });
    expect(bench.names()).toEqual([record.uuid, `${record.uuid}.hashes`, `${record.uuid}.rev`, ...LINKS]);
    expect(bench.last()).toBe(record.uuid);
    expect((await status(bench.context)).revisions).toEqual([record]);
    expect(methodsCalled(bench.engine, 'lockFile', 'describeSource')).toEqual([
      'removeFiles',
      'findBegun',
      // The unfinished record.
      'createFile',
      'cloneSource',
      // The snapshot is noted before it is made.
      'replaceFile',
      'takeSnapshot',
      'writeImage',
      'replaceFile',
      'sealFiles',
      'sealFiles',
      // The list of snapshots now names this one only.
      'replaceFile',
      'replaceLinks',
    ]);
  });

  it('records in how many pieces the image lies, where the engine knows', async () => {
    const bench = workbench();
    expect((await backup(bench.context))?.record.stats).not.toHaveProperty('extents');
    bench.engine.writeStats = { extents: 12 };
    bench.now = new Date('2026-03-01T13:00:00Z');
    const again = await backup(bench.context, { tags: ['manual:again'] });
    expect(again?.record.stats.extents).toBe(12);
    expect((await status(bench.context)).summary.newestImage).toMatchObject({ extents: 12 });
  });

  it('takes as much of the machine as the configuration says, or else what it is told', async () => {
    const bench = workbench();
    const config = join(bench.directory, 'config');
    const settings: object = JSON.parse(readFileSync(config, 'utf8'));
    writeFileSync(config, JSON.stringify({ ...settings, rate: '2MiB', idle: true }));
    const writeImage = vi.spyOn(bench.engine, 'writeImage');
    await backup(bench.context);
    expect(writeImage.mock.lastCall?.[1]).toMatchObject({ rate: 2 ** 21, idle: true });
    await backup(bench.context, { tags: ['manual:x'], rate: 5, idle: false });
    expect(writeImage.mock.lastCall?.[1]).toMatchObject({ rate: 5, idle: false });
    const attempt = backup(bench.context, { tags: ['manual:y'], rate: 0 });
    await expect(attempt).rejects.toMatchObject({ code: 'BACKY_INVALID_ARGUMENT' });
    expect(writeImage).toHaveBeenCalledTimes(2);
  });

  it('does nothing when nothing is due', async () => {
    const bench = workbench();
    await backup(bench.context);
    const names = bench.names();
    expect(await backup(bench.context)).toBeUndefined();
    expect(bench.names()).toEqual(names);
    expect(bench.engine.locks.size).toBe(0);
  });

  it('says in the log that nothing is due, and aloud that nothing ever will be', async () => {
    const bench = workbench();
    await backup(bench.context);
    expect(await backup(bench.context)).toBeUndefined();
    expect(bench.log.at(-1)).toEqual(['info', 'nothing is due']);
    const config = join(bench.directory, 'config');
    const settings: object = JSON.parse(readFileSync(config, 'utf8'));
    writeFileSync(config, JSON.stringify({ ...settings, schedule: {} }));
    expect(await backup(bench.context)).toBeUndefined();
    expect(bench.log.at(-1)).toEqual(['warning', 'the schedule has no tags: nothing will ever be backed up']);
    const before = bench.log.length;
    expect((await backup(bench.context, { tags: ['manual:x'] }))?.record.tags).toEqual(['manual:x']);
    expect(JSON.stringify(bench.log.slice(before))).not.toContain('nothing');
  });

  it('takes once for each slot what it lacks, however often it is asked', async () => {
    const bench = workbench();
    const take = async (slot: string, ...tags: string[]) => {
      const options = { slot: new Date(slot), ...(tags.length > 0 ? { tags } : {}) };
      bench.now = new Date(bench.now.getTime() + 1000);
      const record = (await backup(bench.context, options))?.record;
      expect(record?.slot).toBe(record && new Date(slot).toISOString());
      return record?.tags;
    };
    // 2026-03-01 is a Sunday.
    expect(await take('2026-03-01T03:00Z')).toEqual(['daily', 'weekly']);
    expect(await take('2026-03-01T03:00Z')).toBeUndefined();
    expect(await take('2026-03-01T22:00Z', 'daily', 'manual:x')).toEqual(['manual:x']);
    expect(await take('2026-03-01T22:00Z', 'manual:x')).toBeUndefined();
    expect(await take('2026-03-01T23:00Z', 'manual:x')).toEqual(['manual:x']);
    // A slot that is past or to come, too: the day was missed, or the clock is some seconds behind.
    expect(await take('2026-02-28T03:00Z')).toEqual(['daily']);
    expect(await take('2026-02-28T03:00Z')).toBeUndefined();
    expect(await take('2026-03-02T03:00Z')).toEqual(['daily', 'weekly']);
    expect(await take('2026-03-02T03:00Z')).toBeUndefined();
    expect(bench.log.at(-1)?.[1]).toBe(
      'nothing is due: the slot of 2026-03-02T03:00:00.000Z has all its tags',
    );
    bench.now = new Date('2026-03-02T03:00:05Z');
    expect(await backup(bench.context)).toBeUndefined();
    bench.now = new Date('2026-03-03T03:00:05Z');
    expect((await backup(bench.context))?.record).toMatchObject({ tags: ['daily'] });
  });

  it('goes by the calendar of the time zone of the configuration', async () => {
    const bench = workbench();
    const config = join(bench.directory, 'config');
    const settings: object = JSON.parse(readFileSync(config, 'utf8'));
    writeFileSync(config, JSON.stringify({ ...settings, 'time-zone': 'Pacific/Auckland' }));
    // Midnight in Auckland is 11:00 in UTC.
    bench.now = new Date('2026-03-01T10:00:00Z');
    expect((await backup(bench.context, { tags: ['daily'] }))?.record.tags).toEqual(['daily']);
    bench.now = new Date('2026-03-01T21:59:00Z');
    expect((await backup(bench.context))?.record.tags).toEqual(['weekly']);
    bench.now = new Date('2026-03-01T22:00:00Z');
    expect((await backup(bench.context))?.record.tags).toEqual(['daily']);
  });

  it('sets the links right also when nothing is due', async () => {
    const bench = workbench();
    const { record } = (await backup(bench.context)) ?? expect.unreachable();
    rmSync(join(bench.directory, 'last'));
    symlinkSync(revisionId(9), join(bench.directory, 'last'));
    expect(await backup(bench.context)).toBeUndefined();
    expect(bench.last()).toBe(record.uuid);
  });

  it('takes the tags it is told, due or not, but none that the schedule does not know', async () => {
    const bench = workbench();
    await backup(bench.context);
    expect((await backup(bench.context, { tags: ['manual:x'] }))?.record.tags).toEqual(['manual:x']);
    await expect(backup(bench.context, { tags: ['yearly'] })).rejects.toMatchObject({
      code: 'BACKY_TAG_UNKNOWN',
    });
    expect((await backup(bench.context, { tags: ['yearly'], force: true }))?.record.tags).toEqual(['yearly']);
    await expect(backup(bench.context, { tags: ['a b'], force: true })).rejects.toMatchObject({
      code: 'BACKY_TAG_INVALID',
    });
  });

  it('clones the newest good revision', async () => {
    const bench = workbench();
    bench.add(makeRecord({ uuid: revisionId(1) }));
    const { record } = (await backup(bench.context)) ?? expect.unreachable();
    expect(record.parent).toBe(revisionId(1));
    expect(writeOptions(bench)).toMatchObject({
      parentImage: join(bench.directory, revisionId(1)),
      parentIndex: join(bench.directory, `${revisionId(1)}.hashes`),
      parentDigest: makeRecord().digest,
      compareBytes: false,
    });
  });

  it('never clones a distrusted revision, and trusts no hashes while there is one', async () => {
    const bench = workbench();
    bench.add(makeRecord({ uuid: revisionId(1) }));
    bench.add(makeRecord({ uuid: revisionId(2), timestamp: '2026-02-01T00:00:00Z', trust: 'distrusted' }));
    const { record } = (await backup(bench.context)) ?? expect.unreachable();
    expect(record.parent).toBe(revisionId(1));
    expect(writeOptions(bench)).toMatchObject({ compareBytes: true });
  });

  it('writes everything where no revision is good, and says so', async () => {
    const bench = workbench();
    bench.add(makeRecord({ trust: 'distrusted' }));
    writeFileSync(join(bench.directory, `${revisionId(7)}.rev`), 'torn');
    const { record } = (await backup(bench.context)) ?? expect.unreachable();
    expect(record.parent).toBeNull();
    expect(writeOptions(bench)).not.toHaveProperty('parentImage');
    const reason = 'no earlier revision is good (1 distrusted, 1 damaged)';
    expect(record.stats.fallback).toBe(reason);
    expect(bench.warnings()).toEqual([`revision ${record.uuid} shares no blocks with others: ${reason}`]);
  });

  it('warns where nothing is shared, where an index was of no use, and where the clock went back', async () => {
    const bench = workbench();
    bench.engine.writeStats = { sharing: 'none', sharingReason: 'ext4', fallback: 'index lost' };
    bench.add(makeRecord({ timestamp: '2030-01-01T00:00:00Z', size: 100 }));
    const { record } = (await backup(bench.context)) ?? expect.unreachable();
    const fallback = expect.stringMatching(/; index lost$/);
    expect(record.stats).toMatchObject({ sharing: 'none', sharingReason: 'ext4', fallback });
    expect(bench.warnings()).toEqual([
      expect.stringContaining('ext4'),
      expect.stringContaining('index lost'),
      expect.stringContaining('clock'),
      expect.stringContaining('Nothing expires'),
    ]);
  });

  it.each([0, 99])('warns of a source that has shrunk to %i bytes', async (size) => {
    const bench = workbench();
    const before = (await backup(bench.context)) ?? expect.unreachable();
    bench.now = new Date('2026-03-01T13:00:00Z');
    truncateSync(bench.source, size);
    const { record } = (await backup(bench.context, { tags: ['manual:x'] })) ?? expect.unreachable();
    expect(record).toMatchObject({ size, parent: before.record.uuid });
    expect(bench.warnings()).toEqual([expect.stringContaining(`from 100 B to ${size} B`)]);
    bench.now = new Date('2026-03-01T14:00:00Z');
    await backup(bench.context, { tags: ['manual:y'] });
    expect(bench.warnings()).toHaveLength(1);
  });

  it('records what was really done, not what the source had in mind', async () => {
    const bench = workbench();
    const methods: string[] = [];
    for (const stats of [
      {},
      { narrowed: true },
      { narrowed: true, sourceCloned: true },
      { sourceCloned: true },
    ]) {
      bench.engine.writeStats = stats;
      bench.now = new Date(bench.now.getTime() + 1000);
      const { record } = (await backup(bench.context, { tags: ['daily'] })) ?? expect.unreachable();
      methods.push(record.stats.method);
    }
    expect(methods).toEqual(['full', 'extent-map', 'clone', 'full']);
    const { revisions } = await status(bench.context);
    expect(revisions.map(({ stats }) => stats.sampleRun)).toEqual([0, 1, 2, 3]);
    expect(revisions.at(-1)?.stats.sharingReason).toMatch(/one disk/);
  });

  it('reads another sample each time, and compares with the snapshot of the parent', async () => {
    const bench = workbench();
    const { record } = (await backup(bench.context)) ?? expect.unreachable();
    await backup(bench.context, { tags: ['daily'] });
    const [, second] = bench.engine.calls.filter(([method]) => method === 'writeImage');
    expect(second?.[1]).toMatchObject({
      sampleRuns: 30,
      sampleRun: 1,
      source: {
        previous: { path: expect.stringContaining(record.uuid), identity: record.source.snapshotFile },
      },
    });
  });

  it('tells where the source kept changes to itself', async () => {
    const bench = workbench();
    const hintFailures = [1, 2, 7].map((block) => ({
      offset: block * 10,
      length: 10,
      expected: 'a',
      found: 'b',
    }));
    bench.engine.writeStats = { fallback: 'it lied', hintFailures };
    const { record } = (await backup(bench.context)) ?? expect.unreachable();
    expect(record.stats.hintFailures).toEqual([
      { offset: 10, length: 20 },
      { offset: 70, length: 10 },
    ]);
    expect(bench.warnings()).toContainEqual(
      expect.stringContaining('did not tell of changes in bytes 10-29'),
    );
    expect((await status(bench.context)).revisions).toEqual([record]);
  });

  it('keeps the snapshot of the newest revision alone, also when it fails', async () => {
    const bench = workbench();
    const snapshots = (): readonly string[] =>
      readdirSync(dirname(bench.source)).filter((name) => name.includes('.backy-'));
    const first = (await backup(bench.context)) ?? expect.unreachable();
    expect(snapshots()).toEqual([expect.stringContaining(first.record.uuid)]);
    bench.engine.failures.set('sealFiles', full);
    await expect(backup(bench.context, { tags: ['daily'] })).rejects.toBe(full);
    expect(snapshots()).toEqual([expect.stringContaining(first.record.uuid)]);
    const second = (await backup(bench.context, { tags: ['daily'] })) ?? expect.unreachable();
    expect(snapshots()).toEqual([expect.stringContaining(second.record.uuid)]);
  });

  it('takes what a crash left away first', async () => {
    const bench = workbench();
    await cutOff(bench, revisionId(9), `${revisionId(9)}.partial`);
    await cutOff(bench, revisionId(8), revisionId(8), `${revisionId(8)}.hashes`);
    const { record } = (await backup(bench.context)) ?? expect.unreachable();
    const { uuid } = record;
    expect(bench.names()).toEqual([uuid, `${uuid}.hashes`, `${uuid}.rev`, ...LINKS]);
    expect(bench.warnings()).toEqual([]);
  });

  it('takes nothing away that nobody proves to be its own, and names images that have no record', async () => {
    const bench = workbench();
    const strangers = [revisionId(8), `${revisionId(8)}.hashes`, `${revisionId(9)}.partial`, '.tmp-1-2-3'];
    for (const name of strangers) writeFileSync(join(bench.directory, name), 'dear');
    await backup(bench.context);
    expect(bench.names()).toEqual(expect.arrayContaining(strangers));
    const image = join(bench.directory, revisionId(8));
    expect(bench.warnings()).toEqual([
      expect.stringContaining(`The image ${image} has no record. Give it one`),
    ]);
    // Also when there is nothing else to do.
    expect(await backup(bench.context)).toBeUndefined();
    expect(bench.warnings()).toHaveLength(2);
  });
});

function writeOptions(bench: Workbench): unknown {
  return bench.engine.calls.find(([method]) => method === 'writeImage')?.[1];
}
