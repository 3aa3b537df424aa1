import type { FileIdentity } from './file-identity.ts';

/**
 * A snapshot of a source that a repository has made and not yet removed. Its name contains the id of its revision, so it
 * is unique.
 */
export type LeftSnapshot = LeftFile | LeftVolume | LeftRbdSnapshot;

/** A hidden clone of a file. */
export interface LeftFile {
  readonly type: 'file';
  /** Id of the snapshot's revision. */
  readonly uuid: string;
  /** Absolute path of the directory that holds the clone; in earlier versions, of the clone itself. */
  readonly path: string;
  /** Absent while the snapshot is being made. */
  readonly identity?: FileIdentity | undefined;
}

/** A snapshot of a logical volume. */
export interface LeftVolume {
  readonly type: 'lvm';
  readonly uuid: string;
  readonly volumeGroup: string;
  /** The volume of the snapshot. */
  readonly volume: string;
}

/** A snapshot of an image in a Ceph cluster, with the settings that reach the cluster. */
export interface LeftRbdSnapshot {
  readonly type: 'ceph-rbd';
  readonly uuid: string;
  readonly pool: string;
  readonly namespace?: string | undefined;
  readonly image: string;
  readonly user?: string | undefined;
  readonly conf?: string | undefined;
}

/**
 * The snapshots that a repository has left at its sources. The list does not depend on the current source or on the
 * repository's path. A snapshot is noted before it is made, so that none is lost even if the run is killed.
 */
export interface LeftSnapshots {
  /**
   * Whether the list contains all snapshots of the repository. If not, earlier versions may have made others, which
   * have the path of the repository in their names.
   */
  readonly isComplete: boolean;
  /** All noted snapshots. */
  all(): readonly LeftSnapshot[];
  /** Notes a snapshot that is about to be made, durably. @throws BACKY_IO */
  note(snapshot: LeftSnapshot): Promise<void>;
  /** Updates the note of a snapshot or adds one that was found; `save` makes this durable. */
  amend(snapshot: LeftSnapshot): void;
  /** Removes the note of a revision's snapshot; `save` makes this durable. */
  drop(uuid: string): void;
  /** @throws BACKY_IO */
  save(): Promise<void>;
}
