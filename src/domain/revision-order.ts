import { byAge, type RevisionRecord } from './revision.ts';

/**
 * Orders revisions as they were taken, even if the clock was wrong. The order follows the times in their ids, which never
 * go back within a repository, or else their timestamps. No revision comes before its parent: ids of earlier versions
 * followed the clock, which may have been ahead.
 *
 * @returns a new list, oldest first; the order of `revisions` does not matter
 */
export function inOrderOfTaking<Taken extends RevisionRecord>(revisions: readonly Taken[]): Taken[] {
  const byId = new Map(revisions.map((record) => [record.uuid, record]));
  const placed = new Set<Taken>();
  for (const record of revisions.toSorted(byAge)) {
    const lineage: Taken[] = [];
    const seen = new Set<Taken>();
    // A parent that is not placed yet has a later date. Edited records may form a circle.
    for (let each: Taken | undefined = record; each && !placed.has(each) && !seen.has(each); ) {
      seen.add(each);
      lineage.push(each);
      each = each.parent === null ? undefined : byId.get(each.parent);
    }
    for (const each of lineage.reverse()) placed.add(each);
  }
  return [...placed];
}
