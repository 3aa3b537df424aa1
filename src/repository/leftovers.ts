import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isOwnRevisionId, isRevisionId } from '../domain/revision-id.ts';
import { isBackyError } from '../errors.ts';
import { fromNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { findHeldFiles } from './in-use.ts';
import { INDEX_SUFFIX, type Layout, PARTIAL_SUFFIX, RECORD_SUFFIX, UNFINISHED_SUFFIX } from './layout.ts';
import { updateLinks } from './links.ts';
import { readRecord, readRevisions, readSome } from './read-revisions.ts';
import { isStuck, type OnStuck } from './stuck.ts';
import { isTemporary } from './temporary.ts';
import { readUnfinished } from './unfinished.ts';

/**
 * Finds the files that an interrupted run provably left behind. These are the files of unfinished records, each
 * followed by the record itself, and temporary files whose age matches their name. Any other file may be the only
 * copy of data.
 *
 * @param names the files in the directory
 */
export function leftovers(layout: Layout, names: readonly string[]): readonly string[] {
  const present = new Set(names);
  return names.flatMap((name) => {
    if (isTemporary(layout.directory, name)) return [name];
    const id = withoutSuffix(name, UNFINISHED_SUFFIX);
    return id !== name && isRevisionId(id) ? unfinishedFiles(layout, id, present) : [];
  });
}

/**
 * Removes the leftovers of a repository and unfinished backups of the Python backy. The caller holds the removal lock,
 * so none of these files can be the work in progress of another process.
 *
 * @param onStuck called for each file that cannot be removed or that is open elsewhere
 * @returns the names of the removed files
 * @throws BACKY_IO
 */
export async function purgeLeftovers(
  engine: Engine,
  layout: Layout,
  onStuck: OnStuck = () => {},
): Promise<readonly string[]> {
  const present = await listFiles(layout.directory);
  const incomplete = await incompleteFiles(layout, present);
  const names = [...incomplete, ...leftovers(layout, present).filter((name) => !incomplete.includes(name))];
  const removed = await removeUnused(engine, layout, names, onStuck);
  // The first versions of the Python backy set the links before a revision was finished.
  if (incomplete.length > 0) await updateLinks(engine, layout, (await readRevisions(layout)).revisions);
  return removed;
}

/**
 * Lists the files that an unfinished record releases. If a sealed record exists as well, only an index that it does not
 * know is released.
 */
function unfinishedFiles(layout: Layout, id: string, present: ReadonlySet<string>): readonly string[] {
  const making = readUnfinished(layout, id);
  if (making === undefined) return [];
  const { image, index, partialImage, partialIndex, unfinished } = layout.files(id);
  const isRecorded = present.has(id + RECORD_SUFFIX);
  const isIndexOurs = making === 'revision' ? !isRecorded : !isRecorded || isWithoutIndex(layout, id);
  const isImageOurs = making === 'revision' && !isRecorded;
  const files = [
    ...(making === 'revision' ? [partialImage] : []),
    partialIndex,
    ...(isIndexOurs ? [index] : []),
    ...(isImageOurs ? [image] : []),
    unfinished,
  ];
  return files.map((path) => basename(path)).filter((name) => present.has(name));
}

/** Returns whether the record of a revision has no index. An unreadable record counts as having one. */
function isWithoutIndex(layout: Layout, id: string): boolean {
  try {
    return readRecord(layout, id).digest === null;
  } catch (error) {
    if (!isBackyError(error)) throw error;
    return false;
  }
}

/** Keeps all files of a revision while one of them is open elsewhere. */
async function removeUnused(
  engine: Engine,
  layout: Layout,
  names: readonly string[],
  onStuck: OnStuck,
): Promise<readonly string[]> {
  const held = await findHeldFiles(
    engine,
    names.map((name) => join(layout.directory, name)),
  );
  for (const [path, error] of held) onStuck(basename(path), error);
  const inUse = new Set([...held.keys()].map((path) => idOf(basename(path))));
  return removeThese(
    engine,
    layout,
    names.filter((name) => !inUse.has(idOf(name))),
    onStuck,
  );
}

/** Removes all files in one call. If one gets stuck, goes on one by one and skips the rest of that file's revision. */
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
    const id = idOf(name);
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
 * Lists the files of unfinished backups of the Python backy. Each record comes last, because it alone identifies the
 * other files. Our own records are never incomplete.
 */
async function incompleteFiles(layout: Layout, present: readonly string[]): Promise<readonly string[]> {
  const { incomplete } = await readSome(layout, present, (id) => !isOwnRevisionId(id));
  return incomplete.flatMap(({ uuid }) => {
    const { record, index, image, partialIndex } = layout.files(uuid);
    const names = [image, index, partialIndex, record].map((path) => basename(path));
    return names.filter((name) => present.includes(name));
  });
}

/** Lists everything but directories: backy never creates a directory of such a name. */
async function listFiles(directory: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    throw fromNodeError(error);
  }
}

/** Returns the id of a file's revision, or the name itself for a temporary file. */
function idOf(name: string): string {
  return [PARTIAL_SUFFIX, INDEX_SUFFIX, RECORD_SUFFIX].reduce(withoutSuffix, name);
}

function withoutSuffix(name: string, suffix: string): string {
  return name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
}
