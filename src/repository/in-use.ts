import { adviceOnHolders, describeHolders } from '../domain/holder.ts';
import { type BackyError, backyError } from '../errors.ts';
import type { Engine } from '../native/engine.ts';
import type { Layout } from './layout.ts';

/**
 * Finds the revisions whose images are open elsewhere, for example in a loop device, a virtual machine or its overlay.
 * The caller holds the removal lock, which rules out readers of backy itself.
 *
 * @returns for each such id, an error that names the holders
 * @throws BACKY_IO
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

/**
 * Finds the files that are open elsewhere.
 *
 * @returns for each such path, an error that names the holders
 * @throws BACKY_IO
 */
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
