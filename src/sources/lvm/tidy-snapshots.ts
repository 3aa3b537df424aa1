import { formatLogicalVolume } from '../../domain/logical-volume.ts';
import { isBackyError } from '../../errors.ts';
import { removeSnapshot } from './create-snapshot.ts';
import { isOwnSnapshot, revisionOf } from './own-snapshot.ts';
import { runTool } from './tool.ts';
import { isThin, listVolumes, type Volume } from './volumes.ts';

/**
 * Removes the snapshots of a repository that serve no more: all but the thin one of revision `keep`, which the next
 * backup is compared with. That one is deactivated, and marked as ours if the repository was moved.
 *
 * @param tag of the repository
 * @returns the names of those removed
 * @throws BACKY_TOOL_MISSING, BACKY_TOOL_FAILED, after all others have been seen to
 */
export async function tidySnapshots(
  volumeGroup: string,
  tag: string,
  keep: string | undefined,
): Promise<readonly string[]> {
  const removed: string[] = [];
  const failures: unknown[] = [];
  for (const volume of await listVolumes(volumeGroup)) {
    const name = formatLogicalVolume({ volumeGroup, volume: volume.name });
    try {
      if (isKept(volume, keep)) await putAway(volume, name, tag);
      else if (isOwnSnapshot(volume, tag)) {
        await removeSnapshot(name);
        removed.push(name);
      }
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return removed;
}

function isKept(volume: Volume, keep: string | undefined): boolean {
  return keep !== undefined && revisionOf(volume) === keep && isThin(volume);
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
