import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isOwnRevisionId } from '../domain/revision-id.ts';
import { fromNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { INDEX_SUFFIX, type Layout, PARTIAL_SUFFIX, RECORD_SUFFIX, TEMPORARY_PREFIX } from './layout.ts';

/**
 * The names of a directory that an interrupted run left behind: partial files, temporary files, and images and
 * indexes that no record seals. Only ids of the form that this backy writes count, for a file that a person put
 * there may have a name like any other id.
 */
export function leftovers(names: readonly string[]): readonly string[] {
  const present = new Set(names);
  return names.filter((name) => {
    if (name.startsWith(TEMPORARY_PREFIX)) return true;
    const unsealed = withoutSuffix(name, PARTIAL_SUFFIX);
    const id = withoutSuffix(unsealed, INDEX_SUFFIX);
    if (!isOwnRevisionId(id)) return false;
    return unsealed !== name || !present.has(id + RECORD_SUFFIX);
  });
}

/**
 * Removes the leftovers of a repository. The caller holds the purge lock exclusively: otherwise they may be the
 * work in progress of someone else.
 *
 * @returns the names of what was removed
 */
export async function removeLeftovers(engine: Engine, layout: Layout): Promise<readonly string[]> {
  const names = leftovers(await listFiles(layout.directory));
  await engine.removeFiles(names.map((name) => join(layout.directory, name)));
  return names;
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
