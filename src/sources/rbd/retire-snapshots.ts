import { type LeftSnapshots, unsavedNotes } from '../left-snapshots.ts';
import type { RbdCluster } from './cluster.ts';
import { markedRevision, markKey, revisionOf, snapshotName } from './own-snapshot.ts';

/**
 * Removes the snapshots of a repository that serve no more: all but that of the revision `keep`, which the next backup
 * starts from. That one gets the mark of the repository if it lacks it: it was taken by the Python backy, or the
 * repository was moved.
 *
 * @param mark of the repository
 * @param left which snapshots of the repository there are; without notes, the mark alone tells
 * @param onKept is told when the snapshot of `keep` is there
 * @returns the names of those removed
 */
export async function retireSnapshots(
  cluster: RbdCluster,
  mark: string,
  keep: string | undefined,
  left: LeftSnapshots = unsavedNotes(),
  onKept: (uuid: string) => void = () => {},
): Promise<readonly string[]> {
  const names = (await cluster.snapshots()).map(({ name }) => name);
  const marks = await cluster.metadata();
  if (keep !== undefined && names.includes(snapshotName(keep)) && marks.get(markKey(keep)) !== mark)
    await cluster.setMetadata(markKey(keep), mark);
  if (keep !== undefined && names.includes(snapshotName(keep))) onKept(keep);
  const noted = new Set(left.all().map(({ uuid }) => uuid));
  const isOurs = ([key, value]: readonly [string, string]): boolean =>
    noted.has(markedRevision(key) ?? '') || (!left.isComplete && value === mark);
  const marked = [...marks].filter(isOurs).map(([key]) => markedRevision(key));
  const unmarked = [...noted].filter((uuid) => names.includes(snapshotName(uuid)));
  const ours = new Set([...marked, ...unmarked]);
  const removed: string[] = [];
  for (const uuid of ours) {
    if (uuid === undefined || uuid === keep) continue;
    const name = snapshotName(uuid);
    if (names.includes(name) && revisionOf(name) === uuid && (await cluster.removeSnapshot(name)))
      removed.push(name);
    await cluster.removeMetadata(markKey(uuid));
    left.drop(uuid);
  }
  return removed;
}
