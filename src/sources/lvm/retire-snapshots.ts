import { formatLogicalVolume } from '../../domain/logical-volume.ts';
import { isBackyError } from '../../errors.ts';
import type { LeftSnapshots } from '../left-snapshots.ts';
import { removeSnapshot } from './create-snapshot.ts';
import { hasRepositoryTag, isOwnSnapshot, revisionOf } from './own-snapshot.ts';
import { runTool } from './tool.ts';
import { isThin, listVolumes, type Volume } from './volumes.ts';

/**
 * Removes the snapshots of a repository that serve no more: all but the thin one of revision `keep`, which the next
 * backup is compared with. That one is deactivated, and marked as ours if the repository was moved.
 *
 * @param tag of the repository
 * @param left which snapshots of the repository there are
 * @returns the names of those removed
 * @throws BACKY_TOOL_MISSING, BACKY_TOOL_FAILED, after all others have been seen to
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
        await putAway(volume, name, tag);
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

/** Those that are noted; before there were notes, the tag alone told, which names the place of the repository. */
function isOurs(volume: Volume, tag: string, left: LeftSnapshots): boolean {
  const uuid = revisionOf(volume);
  const isNoted = left.all().some((snapshot) => snapshot.type === 'lvm' && snapshot.uuid === uuid);
  if (isNoted) return hasRepositoryTag(volume);
  return !left.isComplete && isOwnSnapshot(volume, tag);
}

function isKept(volume: Volume, keep: string | undefined): boolean {
  return keep !== undefined && revisionOf(volume) === keep && isThin(volume);
}

/** Made by an earlier version, or in a group that had another name then. */
function noteKept(volumeGroup: string, volume: Volume, left: LeftSnapshots): void {
  const uuid = revisionOf(volume) ?? '';
  const noted = left.all().find((snapshot) => snapshot.uuid === uuid);
  if (noted?.type === 'lvm' && noted.volumeGroup === volumeGroup) return;
  left.amend({ type: 'lvm', uuid, volumeGroup, volume: volume.origin || volume.name });
}

/** A group without any volume, not even the source, is not there at the moment. */
function dropMissing(volumeGroup: string, volumes: readonly Volume[], left: LeftSnapshots): void {
  if (volumes.length === 0) return;
  const present = new Set(volumes.map(revisionOf));
  for (const snapshot of left.all()) {
    const isHere = snapshot.type === 'lvm' && snapshot.volumeGroup === volumeGroup;
    if (isHere && !present.has(snapshot.uuid)) left.drop(snapshot.uuid);
  }
}

async function putAway({ isActive, tags }: Volume, name: string, tag: string): Promise<void> {
  if (!tags.includes(tag)) await runTool('lvchange', ['--quiet', '--addtag', tag, name]);
  if (!isActive) return;
  try {
    await runTool('lvchange', ['--quiet', '--activate', 'n', name]);
  } catch (error) {
    // Somebody looks at it, which changes nothing: it is read-only.
    if (!isBackyError(error, 'BACKY_TOOL_FAILED')) throw error;
  }
}
