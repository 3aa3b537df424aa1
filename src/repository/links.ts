import { readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { newestGood, type RevisionRecord } from '../domain/revision.ts';
import { isNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import type { Layout } from './layout.ts';

/**
 * Points `last`, `latest` and `last.rev` to the newest good revision. Without one they stay as they are:
 * an old image is of more use to a person in need than none.
 *
 * @param revisions oldest first
 */
export async function updateLinks(
  engine: Engine,
  layout: Layout,
  revisions: readonly RevisionRecord[],
): Promise<void> {
  const newest = newestGood(revisions);
  if (!newest) return;
  const { image, record } = layout.files(newest.uuid);
  for (const link of layout.imageLinks) await pointLink(engine, link, basename(image));
  await pointLink(engine, layout.recordLink, basename(record));
}

async function pointLink(engine: Engine, link: string, target: string): Promise<void> {
  if ((await currentTarget(link)) !== target) await engine.replaceLink(link, target);
}

async function currentTarget(link: string): Promise<string | undefined> {
  try {
    return await readlink(link);
  } catch (error) {
    // Absent, or something else than a link, which the rename replaces unless it is a directory.
    if (isNodeError(error, 'ENOENT', 'EINVAL')) return undefined;
    throw error;
  }
}
