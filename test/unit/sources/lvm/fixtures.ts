import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseVolumes, type Volume } from '../../../../src/sources/lvm/volumes.ts';

/** Returns the output of a command in a guest, see test/fixtures/lvm. */
export function fixture(name: string): string {
  return readFileSync(join(import.meta.dirname, '../../../fixtures/lvm', name), 'utf8');
}

/** The volumes of `volumes.json`. */
export function fixtureVolumes(): readonly Volume[] {
  return parseVolumes(fixture('volumes.json'));
}

/** One of them. */
export function fixtureVolume(name: string): Volume {
  const found = fixtureVolumes().find((volume) => volume.name === name);
  if (found) return found;
  throw new Error(`there is no volume ${name} in volumes.json`);
}

/** The revisions that the snapshots in `volumes.json` are of. */
export const OLDER = '01a20b83-a9a3-7fb8-b229-552c9c4b16ac';
export const NEWER = '01a210aa-1c5e-7d0a-9f43-0d6f2a9b7c11';
/** The tag that they carry. */
export const TAG = 'backy.repository=0123456789abcdef0123456789abcdef';
