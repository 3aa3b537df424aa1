import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RevisionRecord } from '../../../../src/domain/revision.ts';
import { backyError } from '../../../../src/errors.ts';
import { ioError } from '../../../../src/io-error.ts';
import { backup } from '../../../../src/operations/backup/backup.ts';
import { purge } from '../../../../src/operations/removal/purge.ts';
import { restore } from '../../../../src/operations/restore/restore.ts';
import { status } from '../../../../src/operations/status/status.ts';
import { verify } from '../../../../src/operations/verify/verify.ts';
import { announce } from '../../../../src/repository/unfinished.ts';
import { methodsCalled } from '../../fake-engine.ts';
import { makeRecord, type RecordChanges, revisionId } from '../../records.ts';
import { type Workbench, workbench } from '../workbench.ts';

const ID = revisionId(1);
const unreadable = ioError({ path: '/i', syscall: 'pread', errnoName: 'EIO' });
const full = ioError({ path: '/i', syscall: 'pwrite', errnoName: 'ENOSPC' });
const cancelled = backyError('BACKY_CANCELLED', { work: 'x', aftermath: 'y' });

/** A repository with one revision of which only the image is known. */
function benchWithout(changes: RecordChanges = {}): Workbench {
  const bench = workbench();
  bench.add(makeRecord({ uuid: ID, size: 3, digest: null, blockSize: null, ...changes }));
  rmSync(join(bench.directory, `${ID}.hashes`));
  return bench;
}

async function only(bench: Workbench): Promise<RevisionRecord> {
  const { revisions } = await status(bench.context);
  return revisions[0] ?? expect.unreachable();
}

function argumentOf(bench: Workbench, method: string): unknown {
  return bench.engine.calls.findLast(([called]) => called === method)?.[1];
}

function exists(bench: Workbench, name: string): boolean {
  return existsSync(join(bench.directory, name));
}

describe('verifying an image without an index', () => {
  it('makes one, durably and before the record says so, and leaves the trust as it is', async () => {
    const bench = benchWithout();
    const result = await verify(bench.context);
    expect(result).toMatchObject({ good: true, verdicts: [{ verdict: 'good', recorded: false }] });
    expect(result.verdicts[0]?.problem).toMatch(/no index to compare it with/);
    expect(await only(bench)).toMatchObject({
      digest: 'cd'.repeat(32),
      blockSize: 262144,
      size: 3,
      trust: 'trusted',
      verifiedAt: null,
    });
    expect(methodsCalled(bench.engine, 'lockFile')).toEqual([
      'createFile',
      'indexImage',
      'sealFiles',
      'replaceFile',
      'removeFiles',
      'replaceLinks',
    ]);
    expect(statSync(join(bench.directory, ID)).mode & 0o777).toBe(0o400);
    expect(bench.engine.locks.size).toBe(0);
    expect((await verify(bench.context)).verdicts).toMatchObject([{ verdict: 'good', problem: null }]);
    expect((await only(bench)).trust).toBe('verified');
  });

  it('makes none of one that is distrusted: its damage would be right from then on', async () => {
    const bench = benchWithout({ trust: 'distrusted' });
    const result = await verify(bench.context);
    expect(result).toMatchObject({ good: false, verdicts: [{ verdict: 'unknown' }] });
    expect(await only(bench)).toMatchObject({ digest: null, trust: 'distrusted' });
    expect(methodsCalled(bench.engine, 'lockFile')).toEqual([]);
  });

  it('distrusts one that cannot be read', async () => {
    const bench = benchWithout();
    bench.engine.failures.set('indexImage', unreadable);
    expect(await verify(bench.context)).toMatchObject({
      good: false,
      verdicts: [{ verdict: 'bad', problem: unreadable.message, recorded: true }],
    });
    expect(await only(bench)).toMatchObject({ digest: null, trust: 'distrusted' });
    expect(bench.names().filter((name) => name.includes('hashes'))).toEqual([]);
  });

  it.each([full, backyError('BACKY_PANIC', { detail: 'a bug' })])(
    'says nothing of it after %s',
    async (error) => {
      const bench = benchWithout();
      bench.engine.failures.set('indexImage', error);
      expect((await verify(bench.context)).verdicts).toMatchObject([{ verdict: 'unknown' }]);
      expect(await only(bench)).toMatchObject({ digest: null, trust: 'trusted' });
    },
  );

  it('leaves nothing when it is cancelled', async () => {
    const bench = benchWithout();
    bench.engine.failures.set('indexImage', cancelled);
    await expect(verify(bench.context)).rejects.toBe(cancelled);
    expect(exists(bench, `${ID}.hashes.partial`)).toBe(false);
    expect(bench.engine.locks.size).toBe(0);
  });

  it('begins anew after a crash, whatever that left', async () => {
    const bench = benchWithout();
    await announce(bench.engine, bench.context.layout, ID, 'index', bench.now);
    for (const name of [`${ID}.hashes`, `${ID}.hashes.partial`])
      writeFileSync(join(bench.directory, name), 'torn');
    expect((await only(bench)).digest).toBeNull();
    expect((await verify(bench.context)).good).toBe(true);
    expect((await only(bench)).digest).toBe('cd'.repeat(32));
  });

  it('leaves a file alone that is in its place, and says so', async () => {
    const bench = benchWithout();
    writeFileSync(join(bench.directory, `${ID}.hashes`), 'checksums of somebody');
    const { good, verdicts } = await verify(bench.context);
    expect(good).toBe(false);
    expect(verdicts).toMatchObject([
      { verdict: 'unknown', problem: expect.stringMatching(/hashes: it exists already/) },
    ]);
    expect(readFileSync(join(bench.directory, `${ID}.hashes`), 'utf8')).toBe('checksums of somebody');
  });
});

describe('restoring an image without an index', () => {
  const to = (bench: Workbench): string => join(bench.directory, '../out.img');

  it('makes one first', async () => {
    const bench = benchWithout();
    await restore(bench.context, { target: to(bench) });
    expect(argumentOf(bench, 'restoreImage')).toMatchObject({
      index: join(bench.directory, `${ID}.hashes`),
      digest: 'cd'.repeat(32),
    });
    expect((await only(bench)).digest).toBe('cd'.repeat(32));
  });

  it.each<[string, RecordChanges, (bench: Workbench) => void]>([
    ['is distrusted', { trust: 'distrusted' }, () => {}],
    [
      'belongs to a repository that another one writes to',
      {},
      (bench) => bench.engine.locks.set(join(bench.directory, '.backup'), 'exclusive'),
    ],
    ['is on a full disk', {}, (bench) => bench.engine.failures.set('indexImage', full)],
    [
      'is on a read-only filesystem',
      {},
      (bench) => {
        bench.engine.lockFile = (path) => {
          throw ioError({ path, syscall: 'open', errnoName: 'EROFS' });
        };
      },
    ],
  ])('that %s makes one for the time being, elsewhere', async (_, changes, prepare) => {
    const bench = benchWithout(changes);
    prepare(bench);
    await restore(bench.context, { target: to(bench), revision: '0' });
    expect(existsSync(to(bench))).toBe(true);
    const { index } = JSON.parse(JSON.stringify(argumentOf(bench, 'restoreImage')));
    expect(dirname(dirname(index))).toBe(tmpdir());
    expect(existsSync(dirname(index))).toBe(false);
    expect(await only(bench)).toMatchObject({ digest: null });
  });

  it('stops when it is cancelled', async () => {
    const bench = benchWithout();
    bench.engine.failures.set('indexImage', cancelled);
    await expect(restore(bench.context, { target: to(bench) })).rejects.toMatchObject({
      code: 'BACKY_CANCELLED',
    });
    expect(existsSync(to(bench))).toBe(false);
  });
});

describe('backing up onto an image without an index', () => {
  it('makes one and compares with it', async () => {
    const bench = benchWithout();
    const { record } = (await backup(bench.context)) ?? expect.unreachable();
    expect(record.parent).toBe(ID);
    expect(argumentOf(bench, 'writeImage')).toMatchObject({
      parentImage: join(bench.directory, ID),
      parentIndex: join(bench.directory, `${ID}.hashes`),
    });
    expect((await only(bench)).digest).toBe('cd'.repeat(32));
  });

  it('compares bytes where none can be made, and says so', async () => {
    const bench = benchWithout();
    bench.engine.failures.set('indexImage', unreadable);
    const { record } = (await backup(bench.context)) ?? expect.unreachable();
    expect(record.parent).toBe(ID);
    expect(argumentOf(bench, 'writeImage')).toMatchObject({ parentImage: join(bench.directory, ID) });
    expect(argumentOf(bench, 'writeImage')).not.toHaveProperty('parentIndex');
    expect(bench.warnings()).toEqual([expect.stringContaining(`the parent ${ID} has no index`)]);
    expect(await only(bench)).toMatchObject({ uuid: ID, digest: null, trust: 'trusted' });
  });

  it('is cancelled while it makes one', async () => {
    const bench = benchWithout();
    bench.engine.failures.set('indexImage', cancelled);
    await expect(backup(bench.context)).rejects.toBe(cancelled);
    expect(bench.engine.locks.size).toBe(0);
  });
});

it('purging removes an index in the making, of whatever id, and no sealed one', async () => {
  const bench = workbench();
  const id = 'asErgTHJaw2WmhFbBVxEPB';
  bench.add(makeRecord({ uuid: id }));
  await announce(bench.engine, bench.context.layout, id, 'index', bench.now);
  writeFileSync(join(bench.directory, `${id}.hashes.partial`), 'torn');
  writeFileSync(join(bench.directory, 'somebodys-own-file-here.hashes.partial'), 'dear');
  expect((await purge(bench.context)).removed).toEqual([`${id}.hashes.partial`, `${id}.rev.partial`]);
  expect(exists(bench, `${id}.hashes`)).toBe(true);
  expect(exists(bench, 'somebodys-own-file-here.hashes.partial')).toBe(true);
});
