import { describe, expect, it } from 'vitest';
import { changesOfImage, findChanges } from '../../../../src/sources/lvm/changes.ts';
import { statusHasSnapshot } from '../../../../src/sources/lvm/metadata-snapshot.ts';
import type { Volume } from '../../../../src/sources/lvm/volumes.ts';
import { fakeEngine } from '../../fake-engine.ts';
import { makeRecord } from '../../records.ts';
import { fixtureVolume, NEWER, OLDER } from './fixtures.ts';

const changed = [
  { offset: 0, length: 10 },
  { offset: 50, length: 30 },
];

describe('changesOfImage', () => {
  it('returns the changed ranges if the size is the same', () => {
    expect(changesOfImage(changed, 100, 100)).toEqual(changed);
  });

  it('adds the part by which the volume has grown', () => {
    expect(changesOfImage(changed, 100, 150)).toEqual([...changed, { offset: 100, length: 50 }]);
  });

  it('leaves out ranges beyond the end', () => {
    expect(changesOfImage(changed, 100, 60)).toEqual([changed[0], { offset: 50, length: 10 }]);
    expect(changesOfImage(changed, 100, 50)).toEqual([changed[0]]);
  });

  it('counts a part that was cut off and added again as changed', () => {
    expect(changesOfImage(changed, 60, 100)).toEqual([
      changed[0],
      { offset: 50, length: 10 },
      { offset: 60, length: 40 },
    ]);
  });
});

describe('findChanges', () => {
  const before = fixtureVolume(`web-1.backy-${OLDER}`);
  const now = fixtureVolume(`web-1.backy-${NEWER}`);
  const parent = makeRecord({ uuid: OLDER, size: before.size });

  function reason(volumes: readonly Volume[]): Promise<unknown> {
    return findChanges({ engine: fakeEngine(), volumeGroup: 'vg0', volumes, snapshot: now, parent });
  }

  it.each([
    [{ name: 'other' }, `the snapshot of revision ${OLDER} is gone`],
    [{ isReadOnly: false }, `the snapshot web-1.backy-${OLDER} was made writable`],
    [{ pool: 'pool2' }, `the snapshot web-1.backy-${OLDER} is not in the thin pool pool`],
    [{ layout: ['linear'] }, `the snapshot web-1.backy-${OLDER} is not in the thin pool pool`],
    [{ size: 1024 }, `the snapshot web-1.backy-${OLDER} has 1.00 KiB, the revision has 64.00 MiB`],
  ])('explains a missing comparison: %o', async (change, fallback) => {
    expect(await reason([{ ...before, ...change }, now])).toEqual({ fallback });
  });
});

describe('the status of a pool', () => {
  const pool = (root: string): string =>
    `0 65536 thin-pool 4 113/1024 69/512 ${root} rw discard_passdown queue_if_no_space - 256 \n`;

  it('shows whether it has a metadata snapshot', () => {
    expect(statusHasSnapshot(pool('-'))).toBe(false);
    expect(statusHasSnapshot(pool('56'))).toBe(true);
  });

  it.each(['', '0 65536 thin-pool Fail', '0 65536 linear', pool('needs_check')])('refuses "%s"', (status) => {
    expect(() => statusHasSnapshot(status)).toThrow('no status of a pool');
  });
});
