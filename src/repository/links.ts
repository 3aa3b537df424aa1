import { existsSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { newestGood, type RevisionRecord } from '../domain/revision.ts';
import { ifPresentSync } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import type { Layout } from './layout.ts';

/**
 * Points `last`, `latest` and `last.rev` to the newest good revision. If there is none, existing links stay, because an
 * old image is better than none in an emergency. Dangling links are removed.
 *
 * @param revisions oldest first
 * @throws BACKY_IO
 */
export async function updateLinks(
  engine: Engine,
  layout: Layout,
  revisions: readonly RevisionRecord[],
): Promise<void> {
  const newest = newestGood(revisions);
  if (!newest) {
    const dangling = [...layout.imageLinks, layout.recordLink].filter(isDangling);
    if (dangling.length > 0) await engine.removeFiles(dangling);
    return;
  }
  const { image, record } = layout.files(newest.uuid);
  const links = [
    ...layout.imageLinks.map((path) => ({ path, target: basename(image) })),
    { path: layout.recordLink, target: basename(record) },
  ];
  const stale = links.filter(({ path, target }) => currentTarget(path) !== target);
  if (stale.length > 0) await engine.replaceLinks(stale);
}

function isDangling(link: string): boolean {
  return currentTarget(link) !== undefined && !existsSync(link);
}

function currentTarget(link: string): string | undefined {
  // EINVAL means that the path is not a link. The rename replaces it, unless it is a directory.
  return ifPresentSync(() => readlinkSync(link), ['ENOENT', 'EINVAL']);
}
