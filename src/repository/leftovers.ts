import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isOwnRevisionId, isRevisionId } from '../domain/revision-id.ts';
import { fromNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { INDEX_SUFFIX, type Layout, PARTIAL_SUFFIX, RECORD_SUFFIX, TEMPORARY_PREFIX } from './layout.ts';
import { updateLinks } from './links.ts';
import { readRevisions, readSome } from './read-revisions.ts';
import { isStuck, type OnStuck } from './stuck.ts';

/**
 * The names of a directory that an interrupted run left behind: partial files, temporary files, and images and
 * indexes that no record seals. Only ids of the form that this backy writes count, for a file that a person put
 * there may have a name like any other id; but whatever its id, a revision may have been about to get its index.
 */
export function leftovers(names: readonly string[]): readonly string[] {
  const present = new Set(names);
  return names.filter((name) => {
    if (name.startsWith(TEMPORARY_PREFIX)) return true;
    const unsealed = withoutSuffix(name, PARTIAL_SUFFIX);
    const id = withoutSuffix(unsealed, INDEX_SUFFIX);
    if (name === id + INDEX_SUFFIX + PARTIAL_SUFFIX && present.has(id + RECORD_SUFFIX))
      return isRevisionId(id);
    if (!isOwnRevisionId(id)) return false;
    return unsealed !== name || !present.has(id + RECORD_SUFFIX);
  });
}

/**
 * Removes the leftovers of a repository, and what backups of the Python backy left that never finished. The caller holds the purge lock exclusively: otherwise they may be the
 * work in progress of someone else.
 *
 * @param keep ids of revisions whose files are none, although no record is beside them
 * @param onStuck is told of the files that cannot be removed
 * @returns the names of what was removed
 */
export async function removeLeftovers(
  engine: Engine,
  layout: Layout,
  keep: readonly string[] = [],
  onStuck: OnStuck = () => {},
): Promise<readonly string[]> {
  const present = (await listFiles(layout.directory)).filter(
    (name) => !keep.some((id) => name === id || name === id + INDEX_SUFFIX),
  );
  const unfinished = await unfinishedFiles(layout, present);
  const names = [...unfinished, ...leftovers(present).filter((name) => !unfinished.includes(name))];
  const removed = await removeThese(engine, layout, names, onStuck);
  // In its first versions the links led to a revision before it was finished.
  if (unfinished.length > 0) await updateLinks(engine, layout, (await readRevisions(layout)).revisions);
  return removed;
}

/** All at once or, where one of them stays, one by one; where one stays, so does what comes after it of that revision. */
async function removeThese(
  engine: Engine,
  { directory }: Layout,
  names: readonly string[],
  onStuck: OnStuck,
): Promise<readonly string[]> {
  try {
    await engine.removeFiles(names.map((name) => join(directory, name)));
    return names;
  } catch (error) {
    if (!isStuck(error)) throw error;
  }
  const removed: string[] = [];
  const stuck = new Set<string>();
  for (const name of names) {
    const id = [PARTIAL_SUFFIX, INDEX_SUFFIX, RECORD_SUFFIX].reduce(withoutSuffix, name);
    if (stuck.has(id)) continue;
    try {
      await engine.removeFiles([join(directory, name)]);
      removed.push(name);
    } catch (error) {
      if (!isStuck(error)) throw error;
      stuck.add(id);
      onStuck(name, error);
    }
  }
  return removed;
}

/**
 * The files of what never finished, each record last: with it gone nothing would tell what the rest was. None of our
 * own is ever unfinished.
 */
async function unfinishedFiles(layout: Layout, present: readonly string[]): Promise<readonly string[]> {
  const { incomplete } = await readSome(layout, present, (id) => !isOwnRevisionId(id));
  return incomplete.flatMap(({ uuid }) => {
    const { record, index, image, partialIndex } = layout.files(uuid);
    const names = [image, index, partialIndex, record].map((path) => basename(path));
    return names.filter((name) => present.includes(name));
  });
}

/** Directories are not ours, whatever their names. */
async function listFiles(directory: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    throw fromNodeError(error);
  }
}

function withoutSuffix(name: string, suffix: string): string {
  return name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
}
