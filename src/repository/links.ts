import { existsSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { newestGood, type RevisionRecord } from '../domain/revision.ts';
import { ifPresentSync } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import type { Layout } from './layout.ts';

/**
 * Points `last`, `latest` and `last.rev` to the newest good revision. Without one they stay as they are, for an old
 * image is of more use to a person in need than none; but not when what they lead to is gone.
 *
 * @param revisions oldest first
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
  // EINVAL: it is no link. The rename replaces it, unless it is a directory.
  return ifPresentSync(() => readlinkSync(link), ['ENOENT', 'EINVAL']);
}
