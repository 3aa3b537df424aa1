import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Layout, layoutOf } from '../../../src/repository/layout.ts';
import { leftovers, purgeLeftovers } from '../../../src/repository/leftovers.ts';
import { formatRecord } from '../../../src/repository/sealed-record.ts';
import { announce } from '../../../src/repository/unfinished.ts';
import { readUnrecorded } from '../../../src/repository/unrecorded.ts';
import { fakeEngine } from '../fake-engine.ts';
import { makeRecord, revisionId } from '../records.ts';
import { scratchDirectory } from '../scratch.ts';

const [sealed, unsealed] = [revisionId(1), revisionId(2)];
const SUFFIXES = ['', '.hashes', '.partial', '.hashes.partial'];
const now = new Date();

/** A name that the engine gives to a temporary file, made a number of milliseconds ago. */
function temporary(agoMs = 0): string {
  return `.tmp-backy-4711-0-${(BigInt(Date.now() - agoMs) * 1_000_000n).toString(16)}`;
}

function repository(...names: readonly string[]): Layout {
  const layout = layoutOf(scratchDirectory());
  for (const name of names) writeFileSync(join(layout.directory, name), 'mine');
  return layout;
}

function seal(layout: Layout, uuid: string): void {
  for (const suffix of ['', '.hashes']) writeFileSync(join(layout.directory, uuid + suffix), 'sealed');
  writeFileSync(layout.files(uuid).record, formatRecord(makeRecord({ uuid })));
}

const found = (layout: Layout): readonly string[] => leftovers(layout, readdirSync(layout.directory));
const names = ({ directory }: Layout): readonly string[] => readdirSync(directory).sort();
const all = (id: string, ...suffixes: readonly string[]): string[] => suffixes.map((suffix) => id + suffix);

describe('leftovers', () => {
  it('are the files of an unfinished record, the record itself, and temporary files', async () => {
    const name = temporary();
    const layout = repository(...all(unsealed, ...SUFFIXES), name);
    seal(layout, sealed);
    await announce(fakeEngine(), layout, unsealed, 'revision', now);
    const order = ['.partial', '.hashes.partial', '.hashes', '', '.rev.partial'];
    expect(found(layout)).toEqual([name, ...all(unsealed, ...order)]);
  });

  it('are the sealed record under its unfinished name and its files: the commit was about to come', () => {
    const layout = repository(...all(unsealed, '', '.hashes'));
    writeFileSync(layout.files(unsealed).unfinished, formatRecord(makeRecord({ uuid: unsealed })));
    expect(found(layout)).toEqual(all(unsealed, '.hashes', '', '.rev.partial'));
  });

  it('never include image and index of a sealed record, despite an unfinished one', async () => {
    const layout = repository(...all(sealed, '.partial'));
    seal(layout, sealed);
    await announce(fakeEngine(), layout, sealed, 'revision', now);
    expect(found(layout)).toEqual(all(sealed, '.partial', '.rev.partial'));
    const damaged = repository(...all(sealed, '', '.hashes', '.rev'));
    await announce(fakeEngine(), damaged, sealed, 'index', now);
    expect(found(damaged)).toEqual(all(sealed, '.rev.partial'));
  });

  it('stay complete while one of them is open elsewhere, and are purged afterwards', async () => {
    const layout = repository(...all(unsealed, ...SUFFIXES), ...all(sealed, '.partial'));
    const engine = fakeEngine();
    for (const id of [unsealed, sealed]) await announce(engine, layout, id, 'revision', now);
    const { partialImage } = layout.files(unsealed);
    engine.holders.set(partialImage, [{ kind: 'loop', name: '/dev/loop3' }]);
    const told: string[] = [];
    const removed = await purgeLeftovers(engine, layout, (name, { code }) => told.push(`${name} ${code}`));
    expect(removed).toEqual(all(sealed, '.partial', '.rev.partial'));
    expect(told).toEqual([`${unsealed}.partial BACKY_REVISION_BUSY`]);
    expect(names(layout)).toEqual(all(unsealed, ...SUFFIXES, '.rev.partial').sort());
    engine.holders.clear();
    expect(await purgeLeftovers(engine, layout)).toHaveLength(5);
  });

  it('never include an image whose index was in the making', async () => {
    const layout = repository(...all(unsealed, '', '.hashes', '.hashes.partial'));
    await announce(fakeEngine(), layout, unsealed, 'index', now);
    expect(found(layout)).toEqual(all(unsealed, '.hashes.partial', '.hashes', '.rev.partial'));
  });

  it('never include what nothing proves: no name is a proof', async () => {
    const strangers = [
      ...all(unsealed, ...SUFFIXES),
      ...all('asErgTHJaw2WmhFbBVxEPB', ...SUFFIXES),
      ...all('96d8b001-0ffc-4149-8c35-cf003f5638d6', ...SUFFIXES),
      ...all('windows-server-2019-disk', ...SUFFIXES),
      '.tmp-1-2-3',
      '.tmp-12345-last',
      '.tmp-backy-1-2-3',
      temporary(2 * 3_600_000),
    ];
    const layout = repository(...strangers);
    expect(await purgeLeftovers(fakeEngine(), layout)).toEqual([]);
    expect(names(layout)).toEqual([...strangers].sort());
  });

  it.each([
    ['nothing', ''],
    ['anything', 'my notes'],
    ['another id', JSON.stringify({ formatVersion: 1, uuid: sealed })],
    ['half of a record', formatRecord(makeRecord({ uuid: unsealed })).slice(0, 99)],
  ])('never include files beside an unfinished record that holds %s', async (_, text) => {
    const layout = repository(...all(unsealed, ...SUFFIXES));
    writeFileSync(layout.files(unsealed).unfinished, text);
    expect(found(layout)).toEqual([]);
    expect((await readUnrecorded(layout)).foreign).toContain(`${unsealed}.rev.partial`);
  });

  it('follow no link in the place of an unfinished record (F16)', () => {
    const layout = repository(...all(unsealed, ...SUFFIXES), 'elsewhere');
    writeFileSync(join(layout.directory, 'elsewhere'), formatRecord(makeRecord({ uuid: unsealed })));
    symlinkSync('elsewhere', layout.files(unsealed).unfinished);
    expect(found(layout)).toEqual([]);
  });

  it('never include a directory', async () => {
    const layout = repository();
    for (const name of [...all(unsealed, ...SUFFIXES), temporary()]) mkdirSync(join(layout.directory, name));
    await announce(fakeEngine(), layout, unsealed, 'revision', now);
    expect(await purgeLeftovers(fakeEngine(), layout)).toEqual([`${unsealed}.rev.partial`]);
    expect(names(layout)).toHaveLength(5);
  });

  it('never include a file without proof, whatever its name', async () => {
    const ours = fc
      .tuple(fc.nat(20), fc.constantFrom(...SUFFIXES, '.rev'))
      .map(([number, suffix]) => revisionId(number) + suffix);
    const anything = fc.stringMatching(/^[a-zA-Z0-9.-]{1,40}$/).filter((name) => !/^\.+$/.test(name));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.oneof(ours, anything), { maxLength: 20 }), async (given) => {
        const layout = repository(...given);
        await purgeLeftovers(fakeEngine(), layout);
        expect(names(layout)).toEqual([...given].sort());
      }),
      { numRuns: 50 },
    );
  });
});

describe('images without a record', () => {
  it('are found with the facts that their files show', async () => {
    const old = 'asErgTHJaw2WmhFbBVxEPB';
    const layout = repository(unsealed, `${unsealed}.hashes`, old);
    seal(layout, sealed);
    const { unrecorded, foreign } = await readUnrecorded(layout);
    expect(foreign).toEqual([]);
    expect(unrecorded).toMatchObject([
      { uuid: unsealed, size: 4, indexed: true, timestamp: '2026-11-24T02:51:50.746Z' },
      { uuid: old, size: 4, indexed: false },
    ]);
  });

  it('do not include directories or links, whose names are reported', async () => {
    const layout = repository('elsewhere');
    mkdirSync(join(layout.directory, unsealed));
    symlinkSync('elsewhere', join(layout.directory, revisionId(3)));
    const { unrecorded, foreign } = await readUnrecorded(layout);
    expect(unrecorded).toEqual([]);
    expect(foreign).toEqual([unsealed, revisionId(3)]);
  });

  it('do not include those of an active or interrupted run', async () => {
    const layout = repository(unsealed, `${unsealed}.hashes.partial`);
    await announce(fakeEngine(), layout, unsealed, 'revision', now);
    expect(await readUnrecorded(layout)).toEqual({ unrecorded: [], foreign: [] });
  });

  it('come with the unexplained names', async () => {
    const strangers = ['.tmp-1-2-3', `${unsealed}.hashes`, `${unsealed}.partial`, `${sealed}.hashes.partial`];
    const layout = repository(...strangers, 'production-database-01', 'disk.img.partial', '.partial');
    seal(layout, sealed);
    expect((await readUnrecorded(layout)).foreign).toEqual([...strangers].sort());
  });
});
