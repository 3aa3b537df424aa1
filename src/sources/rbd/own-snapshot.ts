import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { isRevisionId } from '../../domain/revision-id.ts';

/** Prefix of snapshot names, which the Python backy uses as well. */
const PREFIX = 'backy-';
/** Prefix of the metadata keys that record the owners of snapshots. */
const MARK_PREFIX = 'backy.';

/** Returns the name of a revision's snapshot. */
export function snapshotName(uuid: string): string {
  return `${PREFIX}${uuid}`;
}

/** Returns the revision in the name of a snapshot. */
export function revisionOf(snapshot: string): string | undefined {
  return idBehind(PREFIX, snapshot);
}

/** Returns the metadata key that records the owner of a revision's snapshot. */
export function markKey(uuid: string): string {
  return `${MARK_PREFIX}${uuid}`;
}

/** Returns the revision in a metadata key. */
export function markedRevision(key: string): string | undefined {
  return idBehind(MARK_PREFIX, key);
}

/**
 * Returns the mark of a repository's snapshots. It distinguishes repositories that back up the same image, also on
 * hosts with the same paths, so that none of them removes a snapshot of another.
 */
export async function repositoryMark(directory: string): Promise<string> {
  const digest = createHash('sha256').update(`${await machineId()}\n${await realpath(directory)}`);
  return digest.digest('hex').slice(0, 32);
}

/** Reads machine-id(5); empty if it is missing. */
async function machineId(): Promise<string> {
  try {
    return await readFile('/etc/machine-id', 'utf8');
  } catch {
    return '';
  }
}

function idBehind(prefix: string, text: string): string | undefined {
  const id = text.slice(prefix.length);
  return text.startsWith(prefix) && isRevisionId(id) ? id : undefined;
}
