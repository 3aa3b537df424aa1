import { expect, it } from 'vitest';
import { unsavedNotes } from '../../../../src/sources/left-snapshots.ts';
import { roomIn } from '../../../../src/sources/lvm/pool-room.ts';
import type { Volume } from '../../../../src/sources/lvm/volumes.ts';
import { fixtureVolume, NEWER, OLDER, TAG } from './fixtures.ts';

const GIB = 2 ** 30;
const pool: Volume = { ...fixtureVolume('web-1'), name: 'pool', pool: '', size: 100 * GIB, dataPercent: 40 };
const thin = (name: string, gibibytes: number, dataPercent?: number): Volume => ({
  ...fixtureVolume('web-1'),
  name,
  pool: 'pool',
  size: gibibytes * GIB,
  tags: [],
  origin: '',
  ...(dataPercent === undefined ? {} : { dataPercent }),
});
const snapshot = (origin: string, uuid: string): Volume => ({
  ...fixtureVolume(`web-1.backy-${OLDER}`),
  name: `${origin}.backy-${uuid}`,
  pool: 'pool',
  origin,
  tags: [TAG],
});
const [web, db] = [thin('web', 20, 50), thin('db', 40, 25)];

it('covers the volume and the volumes of other snapshots', () => {
  const volumes = [pool, web, db, snapshot('db', NEWER)];
  expect(roomIn(volumes, web, unsavedNotes())).toEqual({
    unshareableBytes: 20 * GIB,
    freeBytes: 60 * GIB,
    totalBytes: 100 * GIB,
  });
});

it('leaves out snapshots of its own repository, other pools, and snapshots made by a person', () => {
  const left = unsavedNotes();
  left.amend({ type: 'lvm', uuid: OLDER, volumeGroup: 'vg0', volume: 'web' });
  const elsewhere = { ...snapshot('db', NEWER), pool: 'other' };
  const byHand = { ...snapshot('db', NEWER), tags: [] };
  const volumes = [pool, web, db, snapshot('web', OLDER), elsewhere, byHand];
  expect(roomIn(volumes, web, left)).toMatchObject({ unshareableBytes: 10 * GIB });
});

it('is unknown if LVM does not report it', () => {
  expect(roomIn([pool, thin('web', 20)], thin('web', 20), unsavedNotes())).toBeUndefined();
  expect(roomIn([web], web, unsavedNotes())).toBeUndefined();
});
