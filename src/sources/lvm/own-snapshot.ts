import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { isOwnRevisionId } from '../../domain/revision-id.ts';
import { fromNodeError } from '../../io-error.ts';
import type { Volume } from './volumes.ts';

const MARK = '.backy-';
const TAG_PREFIX = 'backy.repository=';

/** The name of the snapshot of a volume that a revision is read from. */
export function snapshotName(volume: string, uuid: string): string {
  return `${volume}${MARK}${uuid}`;
}

/** The revision that a snapshot of such a name is of, whatever its volume is called by now. */
export function revisionOf({ name }: Volume): string | undefined {
  const at = name.lastIndexOf(MARK);
  const uuid = name.slice(at + MARK.length);
  return at > 0 && isOwnRevisionId(uuid) ? uuid : undefined;
}

/**
 * The tag that a repository gives to its snapshots. A volume may be backed up into several repositories, and none may
 * remove the snapshots of another.
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

/** Whether any repository made a snapshot: it has both such a name and such a tag. */
export function hasRepositoryTag(volume: Volume): boolean {
  const isTagged = volume.tags.some((tag) => tag.startsWith(TAG_PREFIX));
  return revisionOf(volume) !== undefined && isTagged && volume.role.includes('public');
}

/** Whether a repository made a snapshot: it has both such a name and the tag. */
export function isOwnSnapshot(volume: Volume, tag: string): boolean {
  return revisionOf(volume) !== undefined && volume.tags.includes(tag) && volume.role.includes('public');
}
