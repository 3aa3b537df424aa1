import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { isOwnRevisionId } from '../../domain/revision-id.ts';
import { fromNodeError } from '../../io-error.ts';
import type { Volume } from './volumes.ts';

const MARK = '.backy-';
const TAG_PREFIX = 'backy.repository=';

/** Returns the name of the snapshot of a volume for a revision. */
export function snapshotName(volume: string, uuid: string): string {
  return `${volume}${MARK}${uuid}`;
}

/** Returns the revision in the name of a snapshot. A later rename of the volume does not matter. */
export function revisionOf({ name }: Volume): string | undefined {
  const at = name.lastIndexOf(MARK);
  const uuid = name.slice(at + MARK.length);
  return at > 0 && isOwnRevisionId(uuid) ? uuid : undefined;
}

/**
 * Returns the tag of a repository's snapshots. It distinguishes repositories that back up the same volume, so that
 * none of them removes a snapshot of another.
 *
 * @throws BACKY_IO
 */
export async function repositoryTag(directory: string): Promise<string> {
  try {
    const digest = createHash('sha256').update(await realpath(directory));
    return `${TAG_PREFIX}${digest.digest('hex').slice(0, 32)}`;
  } catch (error) {
    throw fromNodeError(error);
  }
}

/** Returns whether a volume is a snapshot of any repository, by its name and its tag. */
export function hasRepositoryTag(volume: Volume): boolean {
  const isTagged = volume.tags.some((tag) => tag.startsWith(TAG_PREFIX));
  return revisionOf(volume) !== undefined && isTagged && volume.role.includes('public');
}

/** Returns whether a volume is a snapshot of the repository with the tag. */
export function isOwnSnapshot(volume: Volume, tag: string): boolean {
  return revisionOf(volume) !== undefined && volume.tags.includes(tag) && volume.role.includes('public');
}
