import type { FileIdentity } from './file-identity.ts';

/**
 * A snapshot of a source that a repository has made and not yet removed. The id of its revision is in its name, and no
 * other snapshot has that.
 */
export type LeftSnapshot = LeftFile | LeftVolume | LeftRbdSnapshot;

/** A hidden clone of a file. */
export interface LeftFile {
  readonly type: 'file';
  /** Id of the revision that it was taken for. */
  readonly uuid: string;
  /** Absolute path of the directory that it is in; earlier versions had the clone itself in its place. */
  readonly path: string;
  /** Absent as long as the snapshot is being made: its name alone tells then. */
  readonly identity?: FileIdentity | undefined;
}

/** A snapshot of a logical volume. */
export interface LeftVolume {
  readonly type: 'lvm';
  readonly uuid: string;
  readonly volumeGroup: string;
  /** The volume that it was taken of. */
  readonly volume: string;
}

/** A snapshot of an image in a Ceph cluster, and how the cluster was reached. */
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
 * The snapshots that a repository has left at its sources, whatever became of the source, of links to it, or of the
 * repository's own name. A snapshot is noted before it is made, so that even a killed run leaves none behind for good.
 */
export interface LeftSnapshots {
  /**
   * Whether there are no snapshots of the repository beside those noted here. If not, an earlier version made them, and
   * those of the configured source are known by the path of the repository in their names.
   */
  readonly isComplete: boolean;
  /** All that are noted. */
  all(): readonly LeftSnapshot[];
  /** Notes a snapshot that is about to be made, durably. @throws BACKY_IO */
  note(snapshot: LeftSnapshot): Promise<void>;
  /** Notes more of a snapshot, or one that was found; `save` makes that durable. */
  amend(snapshot: LeftSnapshot): void;
  /** Takes note that the snapshot of a revision is gone; `save` makes that durable. */
  drop(uuid: string): void;
  /** @throws BACKY_IO */
  save(): Promise<void>;
}
