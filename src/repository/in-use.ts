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
  const images = ids.map((id) => layout.files(id).image);
  const inUse = new Map<string, BackyError>();
  for (const [index, heldBy] of (await engine.findHolders(images)).entries()) {
    const [uuid = '', path = ''] = [ids[index], images[index]];
    if (heldBy.length === 0) continue;
    const facts = { path, holders: describeHolders(heldBy), advice: adviceOnHolders(heldBy) };
    inUse.set(uuid, backyError('BACKY_REVISION_BUSY', facts, { details: { uuid, heldBy } }));
  }
  return inUse;
}
