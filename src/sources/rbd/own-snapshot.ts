import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { isRevisionId } from '../../domain/revision-id.ts';

/** Begins the names of our snapshots, as it did those of the Python backy. */
const PREFIX = 'backy-';
/** Begins the keys of the image's metadata that say whose snapshot is whose. */
const MARK_PREFIX = 'backy.';

/** The name of the snapshot that a revision is read from. */
export function snapshotName(uuid: string): string {
  return `${PREFIX}${uuid}`;
}

/** The revision that a snapshot of such a name was taken for. */
export function revisionOf(snapshot: string): string | undefined {
  return idBehind(PREFIX, snapshot);
}

/** The key of the metadata that says which repository took the snapshot of a revision. */
export function markKey(uuid: string): string {
  return `${MARK_PREFIX}${uuid}`;
}

/** The revision that such a key is about. */
export function markedRevision(key: string): string | undefined {
  return idBehind(MARK_PREFIX, key);
}

/**
 * What a repository marks its snapshots with: an image may be backed up into several, also on hosts that are set up
 * alike, and none may remove the snapshots of another.
 */
export async function repositoryMark(directory: string): Promise<string> {
  const digest = createHash('sha256').update(`${await machineId()}\n${await realpath(directory)}`);
  return digest.digest('hex').slice(0, 32);
}

/** machine-id(5); empty where there is none. */
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
