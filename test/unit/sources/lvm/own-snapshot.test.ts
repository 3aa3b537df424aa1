import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  isOwnSnapshot,
  repositoryTag,
  revisionOf,
  snapshotName,
} from '../../../../src/sources/lvm/own-snapshot.ts';
import { scratchDirectory } from '../../scratch.ts';
import { fixtureVolume, fixtureVolumes, NEWER, OLDER, TAG } from './fixtures.ts';

const web = fixtureVolume('web-1');

it('owns a snapshot with both its tag and such a name', () => {
  const own = fixtureVolumes().filter((volume) => isOwnSnapshot(volume, TAG));
  expect(own.map(({ name }) => name)).toEqual([
    `db.backy-${OLDER}`,
    `web-1.backy-${OLDER}`,
    `web-1.backy-${NEWER}`,
  ]);
});

it.each([
  { name: `web-1.backy-${OLDER}`, tags: ['backy.repository=fedcba9876543210fedcba9876543210'] },
  { name: `web-1.backy-${OLDER}`, tags: [] },
  { name: `web-1.backy-${OLDER}`, role: ['private'] },
  { name: `web-1.backy-${OLDER}x` },
  { name: `.backy-${OLDER}` },
  { name: `web-1.backy-${OLDER.toUpperCase()}` },
  { name: 'web-1.backy-today' },
  { name: OLDER },
])('leaves %o alone', (other) => {
  const own = fixtureVolume(`web-1.backy-${OLDER}`);
  expect(isOwnSnapshot(own, TAG)).toBe(true);
  expect(isOwnSnapshot({ ...own, ...other }, TAG)).toBe(false);
});

it('finds the revision in the name of each of its snapshots', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-zA-Z0-9+_.-]{1,60}$/), (volume) => {
      expect(revisionOf({ ...web, name: snapshotName(volume, NEWER) })).toBe(NEWER);
    }),
  );
});

it('has the same tag by any path, and another one for another repository', async () => {
  const scratch = scratchDirectory();
  mkdirSync(join(scratch, 'a'));
  mkdirSync(join(scratch, 'b'));
  symlinkSync('a', join(scratch, 'link'));
  const [a, b, link] = await Promise.all(
    ['a', 'b', 'link'].map((name) => repositoryTag(join(scratch, name))),
  );
  expect(a).toMatch(/^backy\.repository=[0-9a-f]{32}$/);
  expect(link).toBe(a);
  expect(b).not.toBe(a);
});
