import { statSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { LeftSnapshot } from '../../../src/domain/left-snapshot.ts';
import { layoutOf } from '../../../src/repository/layout.ts';
import { openSnapshotList, readSnapshotList } from '../../../src/repository/left-snapshots.ts';
import { fakeEngine } from '../fake-engine.ts';
import { scratchDirectory } from '../scratch.ts';

const [first, second] = ['01a20b83-a9a3-7fb8-b229-552c9c4b16ac', '01a210aa-1c5e-7d0a-9f43-0d6f2a9b7c11'];
const all: readonly LeftSnapshot[] = [
  {
    type: 'file',
    uuid: first,
    path: `/images/.a.backy-12345678-${first}`,
    identity: { device: '1', inode: '18446744073709551615', birth: '9' },
  },
  { type: 'lvm', uuid: second, volumeGroup: 'vg0', volume: 'web1' },
  { type: 'ceph-rbd', uuid: 'aBcDeFgHiJkLmNoPqRsTuV', pool: 'rbd', image: 'web1', user: 'backup' },
];

describe('the list of snapshots', () => {
  it('is read as it was written, and is private to its owner', async () => {
    const { layout, open } = place();
    const list = await open();
    for (const snapshot of all) await list.note(snapshot);
    expect((await open()).all()).toEqual(all);
    expect(statSync(layout.snapshots).mode & 0o777).toBe(0o600);
    list.drop(first);
    expect(readSnapshotList(layout)).toEqual(all);
    await list.save();
    expect(readSnapshotList(layout)).toEqual(all.slice(1));
  });

  it('is written only when it changes', async () => {
    const { engine, open } = place();
    const list = await open();
    await list.save();
    expect(engine.calls).toEqual([]);
    await list.note({ type: 'file', uuid: first, path: `/${first}` });
    list.amend({ type: 'file', uuid: first, path: `/${first}`, identity: undefined });
    list.drop(second);
    await list.save();
    expect(engine.calls).toHaveLength(1);
    list.drop(first);
    await list.save();
    expect((await open()).all()).toEqual([]);
  });

  it('is complete from the first backup on, or once it is written', async () => {
    const { layout, open } = place();
    expect(await open()).toMatchObject({ isComplete: true });
    writeFileSync(layout.files(first).record, '');
    const list = await open();
    expect(list.isComplete).toBe(false);
    await list.save();
    expect(await open()).toMatchObject({ isComplete: true });
  });

  it.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['another type', '{"snapshots":[{"type":"zfs","uuid":"01a20b83-a9a3-7fb8-b229-552c9c4b16ac"}]}'],
    [
      'an id that is a path',
      '{"snapshots":[{"type":"file","uuid":"../../etc/passwd","path":"/etc/passwd"}]}',
    ],
    [
      'a number of no file',
      `{"snapshots":[{"type":"file","uuid":"${first}","path":"/a","identity":{"device":"x","inode":"1"}}]}`,
    ],
  ])('counts as missing with %s', async (_, text) => {
    const { layout, open } = place();
    writeFileSync(layout.snapshots, text);
    expect(readSnapshotList(layout)).toBeUndefined();
    expect((await open()).all()).toEqual([]);
  });
});

function place() {
  const layout = layoutOf(scratchDirectory());
  const engine = fakeEngine();
  return { layout, engine, open: () => openSnapshotList(engine, layout) };
}
