import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isRevisionId } from '../domain/revision-id.ts';
import { type Layout, layoutOf } from './layout.ts';

/**
 * The directory of the repository that a path lies in, at whatever depth, or of the revision whose image it is: images
 * may have been copied to a place of their own, along with their indexes and records.
 *
 * @param path a real path; nothing need be there
 * @returns undefined when it belongs to nobody, as far as can be seen from here
 */
export function repositoryAround(path: string): string | undefined {
  const directory = dirname(path);
  if (isImage(layoutOf(directory), basename(path))) return directory;
  for (let at = directory; ; at = dirname(at)) {
    if (isRepository(layoutOf(at))) return at;
    if (at === dirname(at)) return undefined;
  }
}

function isImage(layout: Layout, name: string): boolean {
  if (!isRevisionId(name)) return false;
  const { record, index } = layout.files(name);
  return existsSync(record) || existsSync(index);
}

/** Many a directory has a file of the name `config`; what commands leave beside it is ours alone. */
function isRepository({ config, backupLock, purgeLock, log }: Layout): boolean {
  return existsSync(config) && [backupLock, purgeLock, log].some((path) => existsSync(path));
}
