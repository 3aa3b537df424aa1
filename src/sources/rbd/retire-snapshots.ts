import { type LeftSnapshots, unsavedNotes } from '../left-snapshots.ts';
import type { RbdCluster } from './cluster.ts';
import { markedRevision, markKey, revisionOf, snapshotName } from './own-snapshot.ts';

/**
 * Removes all snapshots of a repository except that of revision `keep`, which the next backup needs. If the Python
 * backy took that one or the repository was moved, it gets the mark of the repository.
 *
 * @param mark mark of the repository
 * @param left list of the repository's snapshots; while it is incomplete, the mark identifies them as well
 * @param onKept called when the snapshot of `keep` exists
 * @returns the names of the removed snapshots
 * @throws BACKY_SOURCE_MISSING, BACKY_CLUSTER_UNREACHABLE, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED
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
