import type { RbdCluster } from './cluster.ts';
import { markedRevision, markKey, revisionOf, snapshotName } from './own-snapshot.ts';

/**
 * Removes the snapshots of a repository that serve no more: all but that of the revision `keep`, which the next backup
 * starts from. That one gets the mark of the repository if it lacks it: it was taken by the Python backy, or the
 * repository was moved.
 *
 * @param mark of the repository
 * @returns the names of those removed
 */
export async function tidySnapshots(
  cluster: RbdCluster,
  mark: string,
  keep: string | undefined,
): Promise<readonly string[]> {
  const names = (await cluster.snapshots()).map(({ name }) => name);
  const marks = await cluster.metadata();
  if (keep !== undefined && names.includes(snapshotName(keep)) && marks.get(markKey(keep)) !== mark)
    await cluster.setMetadata(markKey(keep), mark);
  const ours = [...marks].filter(([, value]) => value === mark).map(([key]) => markedRevision(key));
  const removed: string[] = [];
  for (const uuid of ours) {
    if (uuid === undefined || uuid === keep) continue;
    const name = snapshotName(uuid);
    if (names.includes(name) && revisionOf(name) === uuid && (await cluster.removeSnapshot(name)))
      removed.push(name);
    await cluster.removeMetadata(markKey(uuid));
  }
  return removed;
}
