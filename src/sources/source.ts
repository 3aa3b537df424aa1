import type { GuestRoom } from '../domain/guest-room.ts';
import type { Consistency, RevisionRecord, SourceIdentity } from '../domain/revision.ts';
import type { SourceInput } from '../native/source-input.ts';

export type { CommandInput, PathInput, SourceInput } from '../native/source-input.ts';

/** Something that can be backed up. */
export interface Source {
  /** What its revisions say about where they come from. */
  readonly identity: SourceIdentity;
  /** How a restore names it: an absolute path, or `rbd:POOL/IMAGE`. */
  readonly target: string;
  /**
   * What is there now. Takes nothing and changes nothing.
   *
   * @throws BACKY_SOURCE_MISSING, BACKY_SOURCE_UNREADABLE, BACKY_SOURCE_KIND, BACKY_SOURCE_UNFIT, BACKY_SOURCE_FORMAT,
   *   BACKY_TOOL_MISSING, BACKY_TOOL_FAILED
   */
  describe(): Promise<SourceDescription>;
  /**
   * Takes the source's own copy of one instant, where it can. The caller calls `tidy` whatever becomes of the
   * revision.
   *
   * @throws what `describe` throws, BACKY_SOURCE_MOUNTED, BACKY_SNAPSHOT_FAILED
   */
  snapshot(request: SnapshotRequest): Promise<Snapshot>;
  /**
   * Removes snapshots of ours that serve no more: all but that of the revision `keep`. Called before and after each
   * backup, also after one that failed. Snapshots of anybody else are never touched.
   *
   * @returns the names of what was removed, for the log
   */
  retireSnapshots(keep: string | undefined): Promise<readonly string[]>;
  /**
   * What guests may still need of the place of the source while snapshots are kept there: that of revision `uuid`, or,
   * without one, a snapshot that is taken now, and those of other repositories. Absent, or undefined: snapshots take no
   * room there that a guest could lack, or nothing tells.
   *
   * @param image the new image, if the snapshot is that
   * @throws BACKY_SOURCE_MISSING, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED, BACKY_IO
   */
  room?(uuid?: string, image?: string): Promise<GuestRoom | undefined>;
  /**
   * All snapshots of repositories, of whichever, that lie where those of this source do.
   *
   * @throws BACKY_CLUSTER_UNREACHABLE, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED, BACKY_IO
   */
  snapshotsThere(): Promise<readonly FoundSnapshot[]>;
  /**
   * How the snapshot that a revision was read from can be read once more; undefined when it is gone. Absent: the source
   * keeps none.
   *
   * @throws what `describe` throws
   */
  reopen?(record: RevisionRecord): Promise<SourceInput | undefined>;
  /**
   * Paths at which bytes of a revision may still be found, at the same offsets, the best one first. They are looked at
   * when a revision is repaired, and believed only when they have the right hash. Absent: there are none.
   */
  places?(uuid: string): Promise<readonly string[]>;
}

/** A snapshot that some repository left at a source. */
export interface FoundSnapshot {
  /** Of the revision that it was taken for. */
  readonly uuid: string;
  readonly name: string;
  /** The command of a shell that removes it. */
  readonly removal: string;
}

/** A source as it can be shown to people. */
export interface SourceDescription {
  /** What people know it by: an absolute path, or the name of an image in a cluster. */
  readonly name: string;
  /** Such as `file` or `device`. */
  readonly kind: string;
  /** Bytes. */
  readonly size: number;
  /** Such as `qcow2`; absent for a raw disk, and where nothing tells. */
  readonly format?: string | undefined;
}

/** What a snapshot is taken for. */
export interface SnapshotRequest {
  /** The id of the new revision. */
  readonly uuid: string;
  /** The revision that the new one starts from, if there is one. */
  readonly parent: RevisionRecord | undefined;
  /** The new image. Its name is free, and a snapshot may be taken to it. */
  readonly image: string;
  /** The image of the parent, if that is the snapshot of its source. */
  readonly parentImage?: string | undefined;
  /** Aborting it cancels the backup. */
  readonly signal?: AbortSignal | undefined;
}

/** A state of a source that can be read. */
export interface Snapshot {
  /** What people know the source by, for the log. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly consistency: Consistency;
  /** More about where the revision comes from, added to the identity of the source. */
  readonly origin?: Pick<SourceIdentity, 'imageId' | 'snapshotId' | 'snapshotFile'>;
  readonly input: SourceInput;
  /** How changes are found if all goes well, such as `extent-map`, `rbd-diff` or `thin-delta`; else `full`. */
  readonly method: string;
  /** Why no better method is taken, in words for people. */
  readonly fallback?: string;
  /** Unhinted blocks are read all the same, so that each had its turn after this many runs; 30 by default. */
  readonly sampleRuns?: number;
  /**
   * Called when everything was read, before the revision is sealed.
   *
   * @throws when what was read is not what the snapshot was: the revision fails
   */
  check?(): Promise<void>;
}

/** Why everything is read after a snapshot was dropped. @param reason as it stands in the record of the parent */
export function whyAllIsRead(reason: string): string {
  return `the snapshot of the revision before was dropped: ${reason}`;
}

/** After how many runs each block was read again, whatever hints said, unless configured otherwise. */
export const DEFAULT_SAMPLE_RUNS = 30;

/** The errors of a source that may be back for the next backup. */
export const OUT_OF_REACH = [
  'BACKY_SOURCE_MISSING',
  'BACKY_SOURCE_UNREADABLE',
  'BACKY_CLUSTER_UNREACHABLE',
  'BACKY_TOOL_MISSING',
  'BACKY_TOOL_FAILED',
] as const;
