import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { doctorLines } from '../../../../src/cli/ui/doctor-report.ts';
import { ioError } from '../../../../src/io-error.ts';
import { doctor } from '../../../../src/operations/status/doctor.ts';
import { makeRecord, revisionId } from '../../records.ts';
import { workbench } from '../workbench.ts';

describe('doctor', () => {
  it('finds everything in order', async () => {
    const bench = workbench();
    expect(await doctor(bench.context)).toMatchObject({
      verdict: 'ready',
      remarks: [],
      isRepository: true,
      engine: 'fake',
      source: { filename: bench.source, kind: 'file', size: 100 },
    });
  });

  it('looks at a directory that is no repository', async () => {
    const bench = workbench();
    rmSync(join(bench.directory, 'config'));
    const report = await doctor(bench.context);
    expect(report).toMatchObject({ verdict: 'ready', isRepository: false });
    expect(report).not.toHaveProperty('source');
  });

  it('is limited by what the filesystem lacks', async () => {
    const bench = workbench();
    const host = {
      ...(await bench.engine.probe('')),
      reflink: false,
      reflinkReason: 'it is ext4',
      punchHole: false,
    };
    bench.engine.probe = async () => ({ ...host, freeBytes: 50 });
    const { verdict, remarks } = await doctor(bench.context);
    expect(verdict).toBe('limited');
    expect(remarks).toEqual([
      expect.stringContaining('it is ext4'),
      expect.stringContaining('holes'),
      expect.stringContaining('100 B and 50 B are free'),
    ]);
  });

  it('does not fear for space once there is a revision to share with', async () => {
    const bench = workbench();
    bench.add(makeRecord());
    const host = await bench.engine.probe('');
    bench.engine.probe = async () => ({ ...host, freeBytes: 50 });
    expect(await doctor(bench.context)).toMatchObject({ verdict: 'ready' });
  });

  it('tells how the newest good image lies on the disk, as its record says', async () => {
    const bench = workbench();
    const size = 2 ** 30;
    bench.add(makeRecord({ uuid: revisionId(1), size, stats: { bytesZero: 0, extents: 2000 } }));
    bench.add(makeRecord({ uuid: revisionId(2), size, trust: 'distrusted', stats: { extents: 9 } }));
    const { newestImage, verdict } = await doctor(bench.context);
    expect(newestImage).toEqual({ extents: 2000, extentsPerGib: 2000, cloneSeconds: expect.closeTo(0.03) });
    expect(verdict).toBe('ready');
  });

  it.each([
    ['of its own', {}, 'a new repository starts'],
    ['those of its source', { sharingReason: 'one disk' }, 'cp --reflink=never'],
  ])('is limited by an image in very many pieces, and says what helps: %s', async (_, stats, cure) => {
    const bench = workbench();
    bench.add(makeRecord({ size: 2 ** 30, stats: { extents: 400_000, ...stats } }));
    const { verdict, remarks } = await doctor(bench.context);
    expect(verdict).toBe('limited');
    expect(remarks).toEqual([expect.stringMatching(`about 6 s to clone .*${cure}`)]);
  });

  it('is unable when the source is gone', async () => {
    const bench = workbench();
    rmSync(bench.source);
    expect(await doctor(bench.context)).toMatchObject({
      verdict: 'unable',
      remarks: [expect.stringContaining('does not exist')],
    });
  });

  it('is unable when the source may not be read', async () => {
    const bench = workbench();
    const denied = ioError({ path: bench.source, syscall: 'open', errnoName: 'EACCES' });
    bench.engine.failures.set('describeSource', denied);
    expect(await doctor(bench.context)).toMatchObject({
      verdict: 'unable',
      remarks: [expect.stringContaining('cannot be read: permission denied')],
    });
  });

  it('is unable where nothing can be written, and says what it finds all the same', async () => {
    const bench = workbench();
    const readOnly = ioError({ path: '/r/.tmp-1', syscall: 'open', errnoName: 'EROFS' });
    bench.engine.failures.set('probe', readOnly);
    const report = await doctor(bench.context);
    expect(report).toMatchObject({
      verdict: 'unable',
      source: { size: 100 },
      remarks: ['Nothing can be written here: the filesystem is read-only (EROFS)'],
    });
    const lines = doctorLines(report);
    expect(lines.join('\n')).toMatch(/^source +\S+disk\.img.*\n\nunable: backups will fail\n- Nothing/m);
  });

  it('is unable when the configuration is broken', async () => {
    const bench = workbench();
    writeFileSync(join(bench.directory, 'config'), 'source: {');
    expect(await doctor(bench.context)).toMatchObject({
      verdict: 'unable',
      remarks: [expect.stringMatching(/config:1:\d+/)],
    });
  });
});
