import { formatLogicalVolume } from '../../domain/logical-volume.ts';
import { isBackyError } from '../../errors.ts';
import type { LeftSnapshots } from '../left-snapshots.ts';
import { removeSnapshot } from './create-snapshot.ts';
import { hasRepositoryTag, isOwnSnapshot, revisionOf } from './own-snapshot.ts';
import { runTool } from './tool.ts';
import { isThin, listVolumes, type Volume } from './volumes.ts';

/**
 * Removes all snapshots of a repository except the thin one of revision `keep`, which the next backup needs. That
 * one is deactivated, and gets the tag of the repository if the repository was moved.
 *
 * @param tag tag of the repository
 * @param left list of the repository's snapshots
 * @returns the names of the removed snapshots
 * @throws BACKY_TOOL_MISSING, BACKY_TOOL_FAILED, after all other snapshots have been processed
 */
export async function retireSnapshots(
  volumeGroup: string,
  tag: string,
  keep: string | undefined,
  left: LeftSnapshots,
): Promise<readonly string[]> {
  const removed: string[] = [];
  const failures: unknown[] = [];
  const volumes = await listVolumes(volumeGroup);
  for (const volume of volumes) {
    const name = formatLogicalVolume({ volumeGroup, volume: volume.name });
    try {
      if (isKept(volume, keep)) {
        await deactivate(volume, name, tag);
        noteKept(volumeGroup, volume, left);
      } else if (isOurs(volume, tag, left)) {
        await removeSnapshot(name);
        removed.push(name);
        left.drop(revisionOf(volume) ?? '');
      }
    } catch (error) {
      failures.push(error);
    }
  }
  dropMissing(volumeGroup, volumes, left);
  if (failures.length > 0) throw failures[0];
  return removed;
}

/** Identifies our snapshots by the list or, for versions without a list, by the tag, which depends on the directory. */
function isOurs(volume: Volume, tag: string, left: LeftSnapshots): boolean {
  const uuid = revisionOf(volume);
  const isNoted = left.all().some((snapshot) => snapshot.type === 'lvm' && snapshot.uuid === uuid);
  if (isNoted) return hasRepositoryTag(volume);
  return !left.isComplete && isOwnSnapshot(volume, tag);
}

function isKept(volume: Volume, keep: string | undefined): boolean {
  return keep !== undefined && revisionOf(volume) === keep && isThin(volume);
}

/** Notes a snapshot of an earlier version, or of a group that was renamed. */
function noteKept(volumeGroup: string, volume: Volume, left: LeftSnapshots): void {
  const uuid = revisionOf(volume) ?? '';
  const noted = left.all().find((snapshot) => snapshot.uuid === uuid);
  if (noted?.type === 'lvm' && noted.volumeGroup === volumeGroup) return;
  left.amend({ type: 'lvm', uuid, volumeGroup, volume: volume.origin || volume.name });
}

/** Drops the notes of missing snapshots. A group without any volume is only unavailable at the moment. */
function dropMissing(volumeGroup: string, volumes: readonly Volume[], left: LeftSnapshots): void {
  if (volumes.length === 0) return;
  const present = new Set(volumes.map(revisionOf));
  for (const snapshot of left.all()) {
    const isHere = snapshot.type === 'lvm' && snapshot.volumeGroup === volumeGroup;
    if (isHere && !present.has(snapshot.uuid)) left.drop(snapshot.uuid);
  }
}

async function deactivate({ isActive, tags }: Volume, name: string, tag: string): Promise<void> {
  if (!tags.includes(tag)) await runTool('lvchange', ['--quiet', '--addtag', tag, name]);
  if (!isActive) return;
  try {
    await runTool('lvchange', ['--quiet', '--activate', 'n', name]);
  } catch (error) {
    // Another program has the read-only snapshot open, which does no harm.
    if (!isBackyError(error, 'BACKY_TOOL_FAILED')) throw error;
  }
}
