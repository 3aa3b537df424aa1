import { byAge, type RevisionRecord } from './revision.ts';

/**
 * Orders revisions as they were taken, whatever the clock said: by the times in their ids, which never run backwards in
 * a repository, or else by their timestamps; but none comes before its parent. So one that was taken while the clock was
 * ahead, by a version whose ids followed the clock, stays before those that were built on it.
 *
 * @returns a new list, oldest first; the order of `revisions` does not matter
 */
export function inOrderOfTaking<Taken extends RevisionRecord>(revisions: readonly Taken[]): Taken[] {
  const byId = new Map(revisions.map((record) => [record.uuid, record]));
  const placed = new Set<Taken>();
  for (const record of revisions.toSorted(byAge)) {
    const lineage: Taken[] = [];
    const seen = new Set<Taken>();
    // Parents that are not placed yet were dated later. Records may be edited into a circle.
    for (let each: Taken | undefined = record; each && !placed.has(each) && !seen.has(each); ) {
      seen.add(each);
      lineage.push(each);
      each = each.parent === null ? undefined : byId.get(each.parent);
    }
    for (const each of lineage.reverse()) placed.add(each);
  }
  return [...placed];
}
