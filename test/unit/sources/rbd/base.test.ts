import { describe, expect, it } from 'vitest';
import type { SourceIdentity } from '../../../../src/domain/revision.ts';
import { baseOf } from '../../../../src/sources/rbd/base.ts';
import { makeRecord } from '../../records.ts';

const CONFIG = { type: 'ceph-rbd', pool: 'rbd', image: 'web1' } as const;
const UUID = '01a210aa-1c5e-7d0a-9f43-0d6f2a9b7c11';
const SNAPSHOT = { id: 7, name: `backy-${UUID}`, size: 1 };
const IMAGE = { id: 'a1', size: 1, isPrimary: true };

describe('baseOf', () => {
  const parent = (source: Partial<SourceIdentity>) =>
    makeRecord({ uuid: UUID, source: { type: 'ceph-rbd', image: 'rbd/web1', ...source } });
  const known = parent({ imageId: 'a1', snapshotId: 7 });

  it('is the snapshot that the parent was read from', () => {
    const snapshots = [{ id: 3, name: 'by-hand', size: 1 }, SNAPSHOT];
    expect(baseOf(CONFIG, IMAGE, snapshots, known)).toEqual({ since: SNAPSHOT });
  });

  it.each([
    ['no ids in the record', parent({}), IMAGE, [SNAPSHOT], 'does not have the ids'],
    ['one id only', parent({ imageId: 'a1' }), IMAGE, [SNAPSHOT], 'does not have the ids'],
    ['another snapshot of that name', known, IMAGE, [{ ...SNAPSHOT, id: 8 }], 'somebody else'],
    ['another image', known, { ...IMAGE, id: 'a2' }, [SNAPSHOT], 'another image'],
    ['no snapshot', known, IMAGE, [{ ...SNAPSHOT, name: 'x' }], 'is gone'],
  ])('is missing with %s', (_, record, image, snapshots, reason) => {
    const base = baseOf(CONFIG, image, snapshots, record);
    expect(base).toEqual({ fallback: expect.stringContaining(reason) });
  });

  it('is missing without a parent, or if it is not wanted', () => {
    expect(baseOf(CONFIG, IMAGE, [SNAPSHOT], undefined)).toEqual({});
    const config = { ...CONFIG, fullAlways: true };
    expect(baseOf(config, IMAGE, [SNAPSHOT], known).fallback).toContain('full-always');
  });
});
