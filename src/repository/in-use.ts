import { adviceOnHolders, describeHolders } from '../domain/holder.ts';
import { type BackyError, backyError } from '../errors.ts';
import type { Engine } from '../native/engine.ts';
import type { Layout } from './layout.ts';

/**
 * Finds the revisions whose images somebody has open: a loop device, a virtual machine or its overlay, any other
 * program. Whoever holds the purge lock knows that it is none of our own readers.
 *
 * @returns the errors that say who it is, by id
 */
export async function findInUse(
  engine: Engine,
  layout: Layout,
  ids: readonly string[],
): Promise<ReadonlyMap<string, BackyError>> {
  const images = new Map(ids.map((id) => [layout.files(id).image, id]));
  const held = await findHeldFiles(engine, [...images.keys()]);
  return new Map([...held].map(([path, error]) => [images.get(path) ?? path, error]));
}

/** The same for files of any kind, by their paths. */
export async function findHeldFiles(
  engine: Engine,
  paths: readonly string[],
): Promise<ReadonlyMap<string, BackyError>> {
  const held = new Map<string, BackyError>();
  if (paths.length === 0) return held;
  for (const [index, heldBy] of (await engine.findHolders(paths)).entries()) {
    const path = paths[index];
    if (path === undefined || heldBy.length === 0) continue;
    const facts = { path, holders: describeHolders(heldBy), advice: adviceOnHolders(heldBy) };
    held.set(path, backyError('BACKY_REVISION_BUSY', facts, { details: { heldBy } }));
  }
  return held;
}
