import { readdir } from 'node:fs/promises';
import { orderMs, type RevisionRecord } from '../domain/revision.ts';
import { timeOfRevisionId } from '../domain/revision-id.ts';
import { LATEST_MS } from '../domain/time-span.ts';
import { fromNodeError } from '../io-error.ts';
import type { Layout } from './layout.ts';
import { batchesOf, listDirectory } from './trash-batches.ts';

const ID_LENGTH = 36;

/**
 * Returns the time for the id of a new revision. This is the current time or, if the clock was ahead before, a moment
 * after the newest existing id (RFC 9562, section 6.2). Ids in the trash and ids without a record count as well. So ids
 * sort in the order in which revisions are taken.
 *
 * @throws BACKY_IO
 */
export async function nextIdTime(
  layout: Layout,
  revisions: readonly RevisionRecord[],
  now: Date,
): Promise<Date> {
  const inIds = (await allNames(layout)).map((name) => timeOfRevisionId(name.slice(0, ID_LENGTH)) ?? 0);
  const times = [...inIds, ...revisions.map(orderMs)];
  // An id beyond this limit shows no real time and leaves no room for later ids.
  const newestMs = times.reduce((newest, ms) => (ms > newest && ms < LATEST_MS ? ms : newest), 0);
  return new Date(Math.max(now.getTime(), newestMs + 1));
}

async function allNames(layout: Layout): Promise<readonly string[]> {
  try {
    const names = await readdir(layout.directory);
    for (const batch of await batchesOf(layout)) names.push(...(await listDirectory(batch.layout.directory)));
    return names;
  } catch (error) {
    throw fromNodeError(error);
  }
}
