import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isRevisionId } from '../domain/revision-id.ts';
import { type Layout, layoutOf } from './layout.ts';

/**
 * Finds the repository that contains a path at any depth. The directory of an image that was copied elsewhere with its
 * index or record counts as a repository, too.
 *
 * @param path a real path, which need not exist
 * @returns the directory; undefined when no repository is visible
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

/** Requires a file of backy besides `config`, because `config` is a common name. */
function isRepository({ config, writerLock, removalLock, log }: Layout): boolean {
  return existsSync(config) && [writerLock, removalLock, log].some((path) => existsSync(path));
}
