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
 * The files that an interrupted run provably left behind: what an unfinished record speaks of, that record last, and
 * temporary files that are as old as their name says. Everything else may be the only copy of somebody's data.
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
 * Removes the leftovers of a repository, and backups of the Python backy that never finished. The caller holds the
 * purge lock exclusively: otherwise they may be the work in progress of someone else.
 *
 * @param onStuck is told of the files that cannot be removed, or that somebody has open
 * @returns the names of what was removed
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
  // In its first versions the links led to a revision before it was finished.
  if (incomplete.length > 0) await updateLinks(engine, layout, (await readRevisions(layout)).revisions);
  return removed;
}

/** What an unfinished record lets go. A record beside it seals whatever the two of them do not both deny. */
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

/** Whether the record of a revision knows of no index. One that cannot be read may know of one. */
function isWithoutIndex(layout: Layout, id: string): boolean {
  try {
    return readRecord(layout, id).digest === null;
  } catch (error) {
    if (!isBackyError(error)) throw error;
    return false;
  }
}

/** Nothing of a revision goes while somebody has a file of it open. */
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
 * The files of what the Python backy never finished, each record last: with it gone nothing would tell what the rest
 * was. None of our own is ever incomplete.
 */
async function incompleteFiles(layout: Layout, present: readonly string[]): Promise<readonly string[]> {
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

/** The revision that a file belongs to; the name itself for a temporary file. */
function idOf(name: string): string {
  return [PARTIAL_SUFFIX, INDEX_SUFFIX, RECORD_SUFFIX].reduce(withoutSuffix, name);
}

function withoutSuffix(name: string, suffix: string): string {
  return name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
}
