import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ioError } from '../../../../src/io-error.ts';
import { editTags } from '../../../../src/operations/records/edit-tags.ts';
import { expire } from '../../../../src/operations/removal/expire.ts';
import { status } from '../../../../src/operations/status/status.ts';
import { verify } from '../../../../src/operations/verify/verify.ts';
import { isoDay, makeRecord, revisionId } from '../../records.ts';
import { type Workbench, workbench } from '../workbench.ts';

const [older, newer] = [revisionId(0), revisionId(1)];

/** Two revisions; of the older one somebody has edited the record. */
function edited(): Workbench {
  const bench = workbench();
  for (const day of [0, 1]) bench.add(makeRecord({ uuid: revisionId(day), timestamp: isoDay(day) }));
  const path = recordOf(bench);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"/dev/vg0/vm"', '"/dev/vg0/vn"'));
  return bench;
}

function recordOf({ directory }: Workbench): string {
  return join(directory, `${older}.rev`);
}

describe('a record that was edited', () => {
  it('is used as it is, and named by verify each time', async () => {
    const bench = edited();
    const { revisions, damaged } = await status(bench.context);
    expect(damaged).toEqual([]);
    expect(revisions[0]?.source.filename).toBe('/dev/vg0/vn');
    for (const _ of [1, 2]) {
      const { good, verdicts } = await verify(bench.context);
      expect(good).toBe(false);
      expect(verdicts).toMatchObject([
        {
          uuid: older,
          verdict: 'good',
          recorded: true,
          alteredRecord: {
            path: recordOf(bench),
            problem: expect.stringContaining('edited'),
            accepted: false,
          },
        },
        { uuid: newer, alteredRecord: null },
      ]);
    }
    expect((await status(bench.context)).revisions[0]?.trust).toBe('verified');
    expect(await verify(bench.context, { revisions: newer })).toMatchObject({ good: true });
  });

  it('is distrusted when its image is bad', async () => {
    const bench = edited();
    bench.engine.verifyStats = { badCount: 1, badBlocks: [{ offset: 0, length: 1, expected: 'aa' }] };
    expect(await verify(bench.context, { revisions: older })).toMatchObject({
      verdicts: [{ verdict: 'bad', alteredRecord: { accepted: false } }],
    });
    expect((await status(bench.context)).revisions[0]?.trust).toBe('distrusted');
    bench.engine.verifyStats = {};
    expect(await verify(bench.context)).toMatchObject({ good: false });
  });

  it('is not made good by what a machine writes into it', async () => {
    const bench = edited();
    await editTags(bench.context, { action: 'set', tags: ['daily', 'manual:a'], revisions: older });
    writeFileSync(recordOf(bench), readFileSync(recordOf(bench), 'utf8').replace('/vn', '/vo'));
    for (let day = 2; day < 6; day += 1)
      bench.add(makeRecord({ uuid: revisionId(day), timestamp: isoDay(day) }));
    bench.now = new Date(isoDay(6));
    await expire(bench.context, { confirmed: true });
    expect((await status(bench.context)).revisions[0]).toMatchObject({ uuid: older, tags: ['manual:a'] });
    expect(await verify(bench.context, { revisions: older })).toMatchObject({ good: false });
  });

  it('is accepted when a person changes it', async () => {
    const bench = edited();
    await editTags(bench.context, { action: 'add', tags: ['manual:seen'], revisions: older });
    expect(await verify(bench.context)).toMatchObject({ good: true });
  });

  it('is accepted when a person says so', async () => {
    const bench = edited();
    expect(await verify(bench.context, { acceptRecords: true })).toMatchObject({
      good: true,
      verdicts: [{ alteredRecord: { accepted: true } }, { alteredRecord: null }],
    });
    expect(await verify(bench.context)).toMatchObject({
      good: true,
      verdicts: [{ alteredRecord: null }, {}],
    });
    expect((await status(bench.context)).revisions[0]?.source.filename).toBe('/dev/vg0/vn');
  });

  it('is not accepted where nothing can be written', async () => {
    const bench = edited();
    bench.engine.lockFile = (path) => {
      throw ioError({ path, syscall: 'open', errnoName: 'EROFS' });
    };
    expect(await verify(bench.context, { acceptRecords: true, revisions: older })).toMatchObject({
      good: false,
      verdicts: [{ verdict: 'good', alteredRecord: { accepted: false } }],
    });
    expect(bench.warnings()).toContainEqual(expect.stringContaining('could not be given a new checksum'));
  });
});

it('a record without a checksum is fine, and has one when it is written again', async () => {
  const bench = workbench();
  const record = makeRecord({ uuid: older });
  bench.add(record);
  writeFileSync(recordOf(bench), JSON.stringify(record));
  expect(await verify(bench.context)).toMatchObject({ good: true, verdicts: [{ alteredRecord: null }] });
  expect(readFileSync(recordOf(bench), 'utf8')).toMatch(/"checksum": "sha256-/);
});
