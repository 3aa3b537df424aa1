import {
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FileSourceConfig } from '../../../src/config/config.ts';
import type { RevisionRecord } from '../../../src/domain/revision.ts';
import { backyError } from '../../../src/errors.ts';
import { ioError } from '../../../src/io-error.ts';
import { fileSource } from '../../../src/sources/file-source.ts';
import { identityOf } from '../../../src/sources/left-files.ts';
import type { PathInput, Snapshot, Source } from '../../../src/sources/source.ts';
import { type FakeEngine, fakeEngine } from '../fake-engine.ts';
import { makeRecord } from '../records.ts';
import { scratchDirectory } from '../scratch.ts';

const uuids = [0, 1, 2].map((n) => `01a21015-102b-7a35-a28b-5ec7858a48a${n}`);
const [first = '', second = '', third = ''] = uuids;

describe('a file as a source', () => {
  it('is cloned into a hidden snapshot beside it, to be compared with that of the parent', async () => {
    const { source, path, snapshots, take } = place();
    const { input, origin, ...rest } = await take(first);
    expect(rest).toEqual({ name: path, size: 4, consistency: 'crash', method: 'extent-map' });
    const [name = ''] = snapshots();
    expect(name).toMatch(new RegExp(`^\\.disk\\.img\\.backy-[0-9a-f]{8}-${first}$`));
    const file = join(path, '..', name, first);
    const identity = identityOf(statSync(file, { bigint: true }));
    expect(origin).toEqual({ snapshotFile: identity });
    expect(input).toEqual({ path: file, identity });

    const next = await take(second, recordOf(source, first, origin));

    expect(pathInput(next)).toEqual({
      path: file.replaceAll(first, second),
      identity: next.origin?.snapshotFile,
      previous: { path: file, identity },
    });
  });

  it('is cloned to the image itself where one filesystem has both', async () => {
    const { source, engine, directory, snapshots, take } = place();
    engine.sharesFilesystem = true;
    const image = (uuid: string): string => join(directory, `${uuid}.partial`);
    const { input, origin } = await take(first);
    const identity = identityOf(statSync(image(first), { bigint: true }));
    expect(origin).toEqual({ snapshotFile: identity });
    expect(input).toEqual({ path: image(first), identity });

    const parentImage = join(directory, first);
    const next = await take(second, recordOf(source, first, origin), parentImage);

    expect(pathInput(next).previous).toEqual({ path: parentImage, identity });
    expect(snapshots()).toEqual([]);
    expect(await source.retireSnapshots(second)).toEqual([]);
  });

  it('is read in full if the record of the parent does not identify its snapshot', async () => {
    const { take } = place();
    const { input, fallback } = await take(first, makeRecord({ uuid: second }));
    expect(input).not.toHaveProperty('previous');
    expect(fallback).toBe('the record of the previous revision does not identify its snapshot');
    expect((await take(third, makeRecord({ uuid: second, consistency: 'live' }))).fallback).toBe(
      'the previous revision was read without a snapshot',
    );
  });

  it('is found through links, and its snapshot is beside the real file', async () => {
    const { scratch, directory, engine, snapshots } = place();
    symlinkSync('disk.img', join(scratch, 'link'));
    const source = fileSource({ type: 'file', filename: '../link' }, directory, engine);
    const image = join(directory, 'image');
    expect(await source.snapshot({ uuid: first, parent: undefined, image })).toMatchObject({
      name: join(scratch, 'link'),
      input: { path: join(scratch, snapshots()[0] ?? '', first) },
    });
  });

  it('keeps the snapshot of one revision, and leaves those of others alone', async () => {
    const { scratch, source, snapshots, engine, take } = place();
    for (const uuid of uuids) await take(uuid);
    const [mine = ''] = snapshots();
    mkdirSync(join(scratch, 'other'));
    const other = fileSource({ type: 'file', filename: '../disk.img' }, join(scratch, 'other'), engine);
    await other.snapshot({ uuid: third, parent: undefined, image: join(scratch, 'other/image') });
    const strangers = [
      `${mine}.old`,
      mine.replace(first, 'manual'),
      mine.replace(first, first.replace('-7', '-4')),
      mine.replace('disk.img', 'disk2.img'),
      mine.slice(1),
    ];
    for (const name of strangers) writeFileSync(join(scratch, name), 'precious');
    const theirs = snapshots().filter((name) => !uuids.some((uuid) => name === mine.replace(first, uuid)));

    const removed = await source.retireSnapshots(second);

    expect(removed.map((name) => basename(name))).toEqual([mine, mine.replace(first, third)]);
    expect(snapshots()).toEqual([...theirs, mine.replace(first, second)].sort());
    expect(await source.retireSnapshots(second)).toEqual([]);
    expect((await source.retireSnapshots(undefined)).length).toBe(1);
    expect(snapshots()).toEqual(theirs);
  });

  it('loses the snapshot of an earlier version that has become the image', async () => {
    const { scratch, source, snapshots, take } = place();
    await take(first);
    const [name = ''] = snapshots();
    rmSync(join(scratch, name), { recursive: true });
    writeFileSync(join(scratch, name), 'disk');
    linkSync(join(scratch, name), join(scratch, 'image'));
    expect(await source.retireSnapshots(first)).toHaveLength(1);
    expect(snapshots()).toEqual([]);
  });

  it('retires its old snapshots even if one of them cannot be removed', async () => {
    const { source, engine, snapshots, take } = place();
    for (const uuid of uuids) await take(uuid);
    const refused = ioError({ path: '/x', syscall: 'unlink', errnoName: 'EISDIR' });
    engine.failures.set('removeSnapshot', refused);
    await expect(source.retireSnapshots(third)).rejects.toBe(refused);
    expect(snapshots()).toEqual([expect.stringContaining(third)]);
  });

  it('has no snapshots to retire where it is gone', async () => {
    const { source, path } = place();
    renameSync(path, `${path}.away`);
    expect(await source.retireSnapshots(undefined)).toEqual([]);
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
  ])('that %s is read live, and the reason is recorded', async (_, config, prepare, fallback) => {
    const { take, path, engine } = place(config);
    prepare(engine);
    expect(await take(first, makeRecord())).toEqual({
      name: path,
      size: 4,
      consistency: 'live',
      input: { path },
      method: 'full',
      fallback,
    });
  });

  it('retires its snapshots once they are switched off', async () => {
    const { scratch, directory, engine, snapshots, take } = place();
    await take(first);
    const off = fileSource(
      { type: 'file', filename: join(scratch, 'disk.img'), snapshot: false },
      directory,
      engine,
    );
    await off.retireSnapshots(first);
    expect(snapshots()).toEqual([]);
  });

  it('is missing while the device has no medium', async () => {
    const { source, path, engine, take } = place();
    engine.describeSource = async () => ({ kind: 'device', size: 0, busy: false });
    const missing = { code: 'BACKY_SOURCE_MISSING', details: { path } };
    await expect(take(first)).rejects.toMatchObject(missing);
    await expect(source.describe()).rejects.toMatchObject(missing);
  });

  it('is refused while it is mounted, unless told otherwise', async () => {
    const busy = async () => ({ kind: 'device', size: 4, busy: true }) as const;
    const { source, path, engine, take } = place();
    engine.describeSource = busy;
    await expect(take(first)).rejects.toMatchObject({
      code: 'BACKY_SOURCE_MOUNTED',
      details: { path },
    });
    expect(await source.describe()).toEqual({ name: path, kind: 'device', size: 4 });
    const bold = place({ type: 'file', filename: '../disk.img', allowMounted: true });
    bold.engine.describeSource = busy;
    expect(await bold.take(first)).toMatchObject({ method: 'full' });
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
  const take = (uuid: string, parent?: RevisionRecord, parentImage?: string): Promise<Snapshot> =>
    source.snapshot({ uuid, parent, image: join(directory, `${uuid}.partial`), parentImage });
  return { scratch, path, directory, engine, source, snapshots, take };
}

function recordOf(source: Source, uuid: string, origin: Snapshot['origin']): RevisionRecord {
  return makeRecord({ uuid, source: { ...source.identity, ...origin } });
}

function pathInput({ input }: Snapshot): PathInput {
  return 'path' in input ? input : expect.unreachable();
}
