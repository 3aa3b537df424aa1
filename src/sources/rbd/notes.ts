import type { CephRbdSourceConfig } from '../../config/config.ts';
import type { LeftRbdSnapshot, LeftSnapshot } from '../../domain/left-snapshot.ts';
import type { LeftSnapshots } from '../left-snapshots.ts';

/** Returns the note of a revision's snapshot for the list of snapshots. */
export function noteOf(
  { pool, namespace, image, user, conf }: CephRbdSourceConfig,
  uuid: string,
): LeftRbdSnapshot {
  return { type: 'ceph-rbd', uuid, pool, namespace, image, user, conf };
}

/** Drops the notes of all snapshots of the image except that of the revision `keep`. */
export function dropNotes(config: CephRbdSourceConfig, keep: string | undefined, left: LeftSnapshots): void {
  for (const snapshot of left.all())
    if (isOfImage(config, snapshot) && snapshot.uuid !== keep) left.drop(snapshot.uuid);
}

function isOfImage({ pool, namespace, image }: CephRbdSourceConfig, snapshot: LeftSnapshot): boolean {
  const isRbd = snapshot.type === 'ceph-rbd';
  return isRbd && snapshot.pool === pool && snapshot.namespace === namespace && snapshot.image === image;
}
