import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ioError } from '../../../../src/io-error.ts';
import { backup } from '../../../../src/operations/backup/backup.ts';
import { status } from '../../../../src/operations/status/status.ts';
import { makeRecord, revisionId } from '../../records.ts';
import { workbench } from '../workbench.ts';
import { cutOff } from './cut-off.ts';

const full = ioError({ path: '/x', syscall: 'pwrite', errnoName: 'ENOSPC' });

describe('a backup that cannot recover first', () => {
  it.each([
    ['removeFiles', 'not all leftovers were purged'],
    ['replaceLinks', 'the links were not set right'],
  ] as const)('is taken all the same, and says so: %s', async (method, words) => {
    const bench = workbench();
    bench.add(makeRecord({ uuid: revisionId(1), size: 100 }));
    await cutOff(bench, revisionId(9), `${revisionId(9)}.partial`);
    bench.engine.failures.set(method, full);
    const { record } = (await backup(bench.context)) ?? expect.unreachable();
    expect(bench.warnings()).toEqual([expect.stringMatching(`^${words} before the backup: .+; .+$`)]);
    expect(bench.last()).toBe(record.uuid);
  });
});

describe('a backup that fails', () => {
  it.each(['writeImage', 'sealFiles'] as const)('in %s leaves nothing (I6)', async (method) => {
    const bench = workbench();
    bench.engine.failures.set(method, full);
    await expect(backup(bench.context)).rejects.toBe(full);
    expect(bench.names()).toEqual([]);
    expect(bench.engine.locks.size).toBe(0);
    expect((await backup(bench.context))?.record.tags).toEqual(['daily', 'weekly']);
  });

  it('after its record is in place keeps the revision (I5)', async () => {
    const bench = workbench();
    const { sealFiles } = bench.engine;
    bench.engine.sealFiles = async (pairs) => {
      await sealFiles(pairs);
      if (pairs.some(({ to }) => to.endsWith('.rev'))) throw full;
    };
    await expect(backup(bench.context)).rejects.toBe(full);
    const { revisions, damaged } = await status(bench.context);
    expect([revisions.length, damaged.length]).toEqual([1, 0]);
  });

  it('reports the first failure, not that of discarding its files', async () => {
    const bench = workbench();
    bench.engine.failures.set('writeImage', full);
    const original = bench.engine.removeFiles;
    bench.engine.removeFiles = (paths) =>
      paths.length > 0 ? Promise.reject(new Error('EIO')) : original(paths);
    bench.engine.removeSnapshot = () => Promise.reject(new Error('EIO'));
    await expect(backup(bench.context)).rejects.toBe(full);
    expect(bench.warnings()).toEqual([
      expect.stringMatching(/^the unfinished revision .* could not be removed: EIO$/),
      'old snapshots of the source could not be removed: EIO',
    ]);
  });

  it('leaves earlier revisions and links as they were (I13)', async () => {
    const bench = workbench();
    const { record } = (await backup(bench.context)) ?? expect.unreachable();
    const names = bench.names();
    bench.engine.failures.set('writeImage', full);
    await expect(backup(bench.context, { tags: ['daily'] })).rejects.toBe(full);
    expect(bench.names()).toEqual(names);
    expect(bench.last()).toBe(record.uuid);
  });

  it('is cancelled by a signal that was already aborted', async () => {
    const bench = workbench();
    const attempt = backup(bench.context, { signal: AbortSignal.abort() });
    await expect(attempt).rejects.toMatchObject({ code: 'BACKY_CANCELLED' });
    expect(bench.names()).toEqual([]);
  });

  it.each([
    ['is missing', 'gone.img', 'BACKY_SOURCE_MISSING'],
    ['is a directory', '.', 'BACKY_SOURCE_KIND'],
  ])('because its source %s says so', async (_, filename, code) => {
    const bench = workbench();
    const config = readFileSync(join(bench.directory, 'config'), 'utf8');
    writeFileSync(join(bench.directory, 'config'), config.replace(bench.source, filename));
    await expect(backup(bench.context)).rejects.toMatchObject({
      code,
      details: { path: join(bench.directory, filename) },
    });
    expect(bench.names()).toEqual([]);
  });

  it('because the configuration is broken does not touch the repository', async () => {
    const bench = workbench();
    writeFileSync(join(bench.directory, 'config'), 'source: [');
    await expect(backup(bench.context)).rejects.toMatchObject({ code: 'BACKY_CONFIG_INVALID' });
    expect(bench.engine.calls).toEqual([]);
  });
});

describe('locks of a backup', () => {
  it('name the first writer to the second one at once (I23)', async () => {
    const bench = workbench();
    bench.engine.locks.set(join(bench.directory, '.backup'), 'exclusive');
    await expect(backup(bench.context)).rejects.toMatchObject({
      code: 'BACKY_LOCKED',
      message: expect.stringContaining('(process 4711)'),
    });
    expect(bench.names()).toEqual([]);
  });

  it('keep leftovers from being purged during a restore (I24)', async () => {
    const bench = workbench();
    const leftover = join(bench.directory, `${revisionId(9)}.partial`);
    writeFileSync(leftover, 'torn');
    bench.engine.locks.set(join(bench.directory, '.purge'), 1);
    await backup(bench.context);
    expect(existsSync(leftover)).toBe(true);
    expect([...bench.engine.locks]).toEqual([[join(bench.directory, '.purge'), 1]]);
  });
});
