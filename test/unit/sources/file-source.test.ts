import { linkSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FileSourceConfig } from '../../../src/config/config.ts';
import { backyError } from '../../../src/errors.ts';
import { ioError } from '../../../src/io-error.ts';
import { fileSource } from '../../../src/sources/file-source.ts';
import type { PathInput, Snapshot, Source } from '../../../src/sources/source.ts';
import { type FakeEngine, fakeEngine } from '../fake-engine.ts';
import { makeRecord } from '../records.ts';
import { scratchDirectory } from '../scratch.ts';

const uuids = [0, 1, 2].map((n) => `01a21015-102b-7a35-a28b-5ec7858a48a${n}`);
const [first = '', second = '', third = ''] = uuids;

describe('a file as a source', () => {
  it('is cloned into a hidden snapshot beside it, to be compared with that of the parent', async () => {
    const { source, path, snapshots } = place();
    const { input, ...rest } = await source.snapshot({ uuid: first, parent: undefined });
    expect(rest).toEqual({ name: path, size: 4, consistency: 'crash', method: 'extent-map' });
    const [name = ''] = snapshots();
    expect(name).toMatch(new RegExp(`^\\.disk\\.img\\.backy-[0-9a-f]{8}-${first}$`));
    expect(input).toEqual({ path: join(path, '..', name), cloneable: true });

    const next = await source.snapshot({ uuid: second, parent: makeRecord({ uuid: first }) });

    expect(pathInput(next)).toEqual({
      path: join(path, '..', name.replace(first, second)),
      cloneable: true,
      previous: join(path, '..', name),
    });
  });

  it('is found through links, and its snapshot lies where it lies', async () => {
    const { scratch, directory, engine, snapshots } = place();
    symlinkSync('disk.img', join(scratch, 'link'));
    const source = fileSource({ type: 'file', filename: '../link' }, directory, engine);
    expect(await source.snapshot({ uuid: first, parent: undefined })).toMatchObject({
      name: join(scratch, 'link'),
      input: { path: join(scratch, snapshots()[0] ?? '') },
    });
  });

  it('keeps the snapshot of one revision, and touches none of anybody else', async () => {
    const { scratch, source, snapshots, engine } = place();
    for (const uuid of uuids) await source.snapshot({ uuid, parent: undefined });
    const [mine = ''] = snapshots();
    mkdirSync(join(scratch, 'other'));
    const other = fileSource({ type: 'file', filename: '../disk.img' }, join(scratch, 'other'), engine);
    await other.snapshot({ uuid: third, parent: undefined });
    const strangers = [
      `${mine}.old`,
      mine.replace(first, 'manual'),
      mine.replace(first, first.replace('-7', '-4')),
      mine.replace('disk.img', 'disk2.img'),
      mine.slice(1),
    ];
    for (const name of strangers) writeFileSync(join(scratch, name), 'precious');
    const theirs = snapshots().filter((name) => !uuids.some((uuid) => name === mine.replace(first, uuid)));

    const removed = await source.tidy(second);

    expect(removed.map((name) => basename(name))).toEqual([mine, mine.replace(first, third)]);
    expect(snapshots()).toEqual([...theirs, mine.replace(first, second)].sort());
    expect(await source.tidy(second)).toEqual([]);
    expect((await source.tidy(undefined)).length).toBe(1);
    expect(snapshots()).toEqual(theirs);
  });

  it('is compared with the image of the parent once its snapshot has become that', async () => {
    const { scratch, source, snapshots } = place();
    const parent = makeRecord({ uuid: first });
    const request = { uuid: second, parent, parentImage: join(scratch, 'image') };
    await source.snapshot({ uuid: first, parent: undefined });
    const snapshot = join(scratch, snapshots()[0] ?? '');
    expect(pathInput(await source.snapshot(request)).previous).toBe(snapshot);

    linkSync(snapshot, request.parentImage);
    expect(await source.tidy(first)).toHaveLength(2);

    expect(pathInput(await source.snapshot(request)).previous).toBe(request.parentImage);
    expect(await source.tidy(second)).toEqual([]);
    expect(pathInput(await source.snapshot({ uuid: third, parent })).previous).toBe(snapshot);
  });

  it('has nothing to tidy where it is gone', async () => {
    const { source, path } = place();
    renameSync(path, `${path}.away`);
    expect(await source.tidy(undefined)).toEqual([]);
  });
});

describe('a source without a snapshot', () => {
  it.each<[string, FileSourceConfig | undefined, (engine: FakeEngine) => void, string]>([
    [
      'has no reflinks',
      undefined,
      (engine) =>
        engine.failures.set(
          'takeSnapshot',
          backyError('BACKY_REFLINK_UNSUPPORTED', { path: '/x', detail: 'ext4 has no reflinks' }),
        ),
      'no snapshot could be taken (ext4 has no reflinks)',
    ],
    [
      'lies where nobody may write',
      undefined,
      (engine) =>
        engine.failures.set('takeSnapshot', ioError({ path: '/x', syscall: 'open', errnoName: 'EROFS' })),
      'no snapshot could be taken (the filesystem is read-only (EROFS))',
    ],
    [
      'is a device',
      undefined,
      (engine) => {
        engine.describeSource = async () => ({ kind: 'device', size: 4, busy: false });
      },
      'a block device has no snapshot of its own',
    ],
    [
      'is not to have one',
      { type: 'file', filename: '../disk.img', snapshot: false },
      () => {},
      'snapshots are switched off',
    ],
  ])('that %s is read live, and says why', async (_, config, prepare, fallback) => {
    const { source, path, engine } = place(config);
    prepare(engine);
    expect(await source.snapshot({ uuid: first, parent: makeRecord() })).toEqual({
      name: path,
      size: 4,
      consistency: 'live',
      input: { path },
      method: 'full',
      fallback,
    });
  });

  it('because they were switched off loses those it had', async () => {
    const { scratch, directory, engine, source, snapshots } = place();
    await source.snapshot({ uuid: first, parent: undefined });
    const off = fileSource(
      { type: 'file', filename: join(scratch, 'disk.img'), snapshot: false },
      directory,
      engine,
    );
    await off.tidy(first);
    expect(snapshots()).toEqual([]);
  });

  it('is missing while it is a device with nothing attached to it', async () => {
    const { source, path, engine } = place();
    engine.describeSource = async () => ({ kind: 'device', size: 0, busy: false });
    const missing = { code: 'BACKY_SOURCE_MISSING', details: { path } };
    await expect(source.snapshot({ uuid: first, parent: undefined })).rejects.toMatchObject(missing);
    await expect(source.describe()).rejects.toMatchObject(missing);
  });

  it('is refused while it is mounted, unless told otherwise', async () => {
    const busy = async () => ({ kind: 'device', size: 4, busy: true }) as const;
    const { source, path, engine } = place();
    engine.describeSource = busy;
    await expect(source.snapshot({ uuid: first, parent: undefined })).rejects.toMatchObject({
      code: 'BACKY_SOURCE_MOUNTED',
      details: { path },
    });
    expect(await source.describe()).toEqual({ name: path, kind: 'device', size: 4 });
    const bold = place({ type: 'file', filename: '../disk.img', allowMounted: true });
    bold.engine.describeSource = busy;
    expect(await bold.source.snapshot({ uuid: first, parent: undefined })).toMatchObject({ method: 'full' });
  });
});

/** A disk image of four bytes, and a repository for it. */
function place(config: FileSourceConfig = { type: 'file', filename: '../disk.img' }) {
  const scratch = scratchDirectory();
  const [path, directory] = [join(scratch, 'disk.img'), join(scratch, 'repository')];
  mkdirSync(directory);
  writeFileSync(path, 'disk');
  const engine = fakeEngine();
  const source: Source = fileSource(config, directory, engine);
  const snapshots = (): readonly string[] =>
    readdirSync(scratch)
      .filter((name) => name.includes('backy-'))
      .sort();
  return { scratch, path, directory, engine, source, snapshots };
}

function pathInput({ input }: Snapshot): PathInput {
  return 'path' in input ? input : expect.unreachable();
}
