import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { layoutOf } from '../../../src/repository/layout.ts';
import { readRevisions } from '../../../src/repository/read-revisions.ts';
import { formatRecord } from '../../../src/repository/sealed-record.ts';
import { isoDay, makeRecord, revisionId } from '../records.ts';
import { scratchDirectory } from '../scratch.ts';

const good = makeRecord({ uuid: revisionId(1) });

/** A repository with one good revision, and what a test puts beside it. */
function repository(files: Readonly<Record<string, string>> = {}): string {
  const directory = scratchDirectory();
  const whole = {
    [good.uuid]: '',
    [`${good.uuid}.hashes`]: '',
    [`${good.uuid}.rev`]: formatRecord(good),
    ...files,
  };
  for (const [name, text] of Object.entries(whole)) writeFileSync(join(directory, name), text);
  return directory;
}

function read(directory: string) {
  return readRevisions(layoutOf(directory));
}

describe('readRevisions', () => {
  it('orders by time', async () => {
    const older = makeRecord({ uuid: revisionId(2), timestamp: isoDay(-1) });
    const files = {
      [older.uuid]: '',
      [`${older.uuid}.hashes`]: '',
      [`${older.uuid}.rev`]: formatRecord(older),
    };
    expect(await read(repository(files))).toEqual({
      revisions: [older, good],
      damaged: [],
      unreadable: [],
      incomplete: [],
      unrecorded: [],
      foreign: [],
    });
  });

  it.each([
    ['', /Unexpected end of JSON input/],
    ['{"uuid":', /is damaged: .*JSON/],
    ['[]', /is damaged: the document is a list/],
    ['x'.repeat(1_100_000), /larger than 1 MiB/],
  ])('lists a record with the text %j as damaged, and all others as usual (I11)', async (text, reason) => {
    const id = revisionId(2);
    const list = await read(repository({ [id]: '', [`${id}.hashes`]: '', [`${id}.rev`]: text }));
    expect(list).toEqual({
      revisions: [good],
      damaged: [{ uuid: id, reason: expect.stringMatching(reason) }],
      unreadable: [],
      incomplete: [],
      unrecorded: [],
      foreign: [],
    });
  });

  it.each([
    ['image', [revisionId(2), `${revisionId(2)}.hashes`]],
    ['index', [`${revisionId(2)}.hashes`, revisionId(2)]],
  ])('misses the %s', async (what, [missing = '', present = '']) => {
    const record = makeRecord({ uuid: revisionId(2) });
    const directory = repository({ [present]: '', [`${record.uuid}.rev`]: formatRecord(record) });
    expect(missing).not.toBe(present);
    expect((await read(directory)).damaged).toEqual([
      { uuid: record.uuid, reason: `its ${what} is missing` },
    ]);
  });

  it('follows no link, waits for no pipe, reads no directory (F16)', async () => {
    const directory = repository();
    const [linked, piped, nested] = [revisionId(2), revisionId(3), revisionId(4)];
    symlinkSync(`${good.uuid}.rev`, join(directory, `${linked}.rev`));
    execFileSync('mkfifo', [join(directory, `${piped}.rev`)]);
    mkdirSync(join(directory, `${nested}.rev`));
    symlinkSync(`${good.uuid}.rev`, join(directory, 'last.rev'));
    const { revisions, damaged } = await read(directory);
    expect(revisions).toEqual([good]);
    expect(damaged.map(({ uuid }) => uuid)).toEqual([linked, piped, nested]);
    expect(damaged.map(({ reason }) => reason)).toEqual([
      expect.stringContaining('symbolic link'),
      expect.stringContaining('not a plain file'),
      expect.stringContaining('not a plain file'),
    ]);
  });

  it('does not mistake an unknown key for its own', async () => {
    const strange = {
      ...makeRecord({ uuid: revisionId(2), timestamp: isoDay(5) }),
      reason: 'none',
      record: 1,
    };
    const files = {
      [strange.uuid]: '',
      [`${strange.uuid}.hashes`]: '',
      [`${strange.uuid}.rev`]: formatRecord(strange),
    };
    expect(await read(repository(files))).toEqual({
      revisions: [good, strange],
      damaged: [],
      unreadable: [],
      incomplete: [],
      unrecorded: [],
      foreign: [],
    });
  });

  it('skips names that are not ids', async () => {
    const files = { 'x.rev': '{', '.rev': '{', 'not_an_id_but_long_enough.rev': '{' };
    expect(await read(repository(files))).toEqual({
      revisions: [good],
      damaged: [],
      unreadable: [],
      incomplete: [],
      unrecorded: [],
      foreign: [],
    });
  });

  it('reads more records than may be open at a time', async () => {
    const records = Array.from({ length: 500 }, (_, day) =>
      makeRecord({ uuid: revisionId(day + 10), timestamp: isoDay(day) }),
    );
    const files = records.flatMap((record) => [
      [record.uuid, ''],
      [`${record.uuid}.hashes`, ''],
      [`${record.uuid}.rev`, formatRecord(record)],
    ]);
    expect((await read(repository(Object.fromEntries(files)))).revisions).toEqual([good, ...records]);
  });

  it('fails without a directory', async () => {
    await expect(read('/does/not/exist')).rejects.toMatchObject({
      code: 'BACKY_IO',
      details: { errno: 'ENOENT' },
    });
  });
});
