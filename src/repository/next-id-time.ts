import { readdir } from 'node:fs/promises';
import { orderMs, type RevisionRecord } from '../domain/revision.ts';
import { timeOfRevisionId } from '../domain/revision-id.ts';
import { LATEST_MS } from '../domain/time-span.ts';
import { fromNodeError } from '../io-error.ts';
import type { Layout } from './layout.ts';
import { batchesOf, listDirectory } from './trash-batches.ts';

const ID_LENGTH = 36;

/**
 * The time for the id of a new revision: now or, where the clock was ahead once, just after the newest id there is, in the
 * trash or without a record, too (RFC 9562, section 6.2). So ids sort as revisions were taken.
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
  // What lies beyond is no time that any clock showed, and would leave no room.
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
