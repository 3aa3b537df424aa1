import { lstatSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isOwnRevisionId } from '../domain/revision-id.ts';

/** `.NAME.backy-OWNER-UUID` */
const NAME = /^\..+\.backy-[0-9a-f]{8}-(.{36})$/;

/** The revision that a hidden snapshot of such a name belongs to. */
export function revisionOfSnapshot(path: string): string | undefined {
  const [, uuid = ''] = NAME.exec(basename(path)) ?? [];
  return isOwnRevisionId(uuid) ? uuid : undefined;
}

/**
 * The file of the snapshot of a revision: it lies in a directory of its own, so that nobody else can put another one in
 * its place, and has the id as its name, which nobody else can change. Earlier versions had the file itself in the place
 * of that directory.
 *
 * @throws the errors of Node
 */
export function fileOfSnapshot(path: string, uuid: string): string {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ? path : join(path, uuid);
}
