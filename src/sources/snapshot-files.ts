import { lstatSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isOwnRevisionId } from '../domain/revision-id.ts';

/** Form of a snapshot's name: `.NAME.backy-OWNER-UUID`. */
const NAME = /^\..+\.backy-[0-9a-f]{8}-(.{36})$/;

/** Returns the revision in the name of a hidden snapshot. */
export function revisionOfSnapshot(path: string): string | undefined {
  const [, uuid = ''] = NAME.exec(basename(path)) ?? [];
  return isOwnRevisionId(uuid) ? uuid : undefined;
}

/**
 * Returns the file of a snapshot. It is named after the revision and is in a private directory, so that no other
 * user can replace or rename it. Earlier versions had the file itself in place of that directory.
 *
 * @throws the errors of Node
 */
export function fileOfSnapshot(path: string, uuid: string): string {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ? path : join(path, uuid);
}
