import type { GuestRoom } from '../domain/guest-room.ts';
import type { Consistency, RevisionRecord, SourceIdentity } from '../domain/revision.ts';
import type { SourceInput } from '../native/source-input.ts';

export type { CommandInput, PathInput, SourceInput } from '../native/source-input.ts';

/** A disk or file to back up. */
export interface Source {
  /** Identity of the source in the records of its revisions. */
  readonly identity: SourceIdentity;
  /** The source as the target of a restore: an absolute path, or `rbd:POOL/IMAGE`. */
  readonly target: string;
  /**
   * Describes the current state of the source without changing anything.
   *
   * @throws BACKY_SOURCE_MISSING, BACKY_SOURCE_UNREADABLE, BACKY_SOURCE_KIND, BACKY_SOURCE_UNFIT, BACKY_SOURCE_FORMAT,
   *   BACKY_TOOL_MISSING, BACKY_TOOL_FAILED
   */
  describe(): Promise<SourceDescription>;
  /**
   * Takes a snapshot where the source supports it. The caller calls `retireSnapshots` afterwards, also if the
   * backup fails.
   *
   * @throws the errors of `describe`, BACKY_SOURCE_MOUNTED, BACKY_SNAPSHOT_FAILED, BACKY_CANCELLED
   */
  snapshot(request: SnapshotRequest): Promise<Snapshot>;
  /**
   * Removes all snapshots of the repository except that of the revision `keep`. Each backup calls it before and
   * after its work, also if it fails. Snapshots of others are never touched.
   *
   * @returns the names of the removed snapshots, for the log
   */
  retireSnapshots(keep: string | undefined): Promise<readonly string[]>;
  /**
   * Returns the space that guests may need beside the source while snapshots exist there: the snapshot of revision
   * `uuid` or, without an id, a new one, and those of other repositories. The method is absent and the result
   * undefined if snapshots take no space from guests, or if that is unknown.
   *
   * @param image path of the new image, if the image is the snapshot
   * @throws BACKY_SOURCE_MISSING, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED, BACKY_IO
   */
  room?(uuid?: string, image?: string): Promise<GuestRoom | undefined>;
  /**
   * Lists the snapshots of all repositories in the place of this source.
   *
   * @throws BACKY_CLUSTER_UNREACHABLE, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED, BACKY_IO
   */
  snapshotsThere(): Promise<readonly FoundSnapshot[]>;
  /**
   * Opens the snapshot of a revision once more; undefined when it is gone. The method is absent if the source keeps
   * none.
   *
   * @throws the errors of `describe`
   */
  reopen?(record: RevisionRecord): Promise<SourceInput | undefined>;
  /**
   * Returns paths that may still contain the bytes of a revision at the same offsets, best one first. A repair
   * reads them, and uses only blocks with the right hash. The method is absent if there are none.
   */
  places?(uuid: string): Promise<readonly string[]>;
}

/** A snapshot of any repository at a source. */
export interface FoundSnapshot {
  /** Id of the snapshot's revision. */
  readonly uuid: string;
  readonly name: string;
  /** Shell command that removes the snapshot. */
  readonly removal: string;
}

/** Description of a source for people. */
export interface SourceDescription {
  /** An absolute path, or the name of an image in a cluster. */
  readonly name: string;
  /** For example `file` or `device`. */
  readonly kind: string;
  /** Bytes. */
  readonly size: number;
  /** For example `qcow2`; absent for a raw disk, and where it is unknown. */
  readonly format?: string | undefined;
}

/** The revision that needs a snapshot. */
export interface SnapshotRequest {
  /** The id of the new revision. */
  readonly uuid: string;
  /** Parent of the new revision, if there is one. */
  readonly parent: RevisionRecord | undefined;
  /** Path of the new image. It does not exist, so a snapshot may be created there. */
  readonly image: string;
  /** Path of the parent's image, if that image is the snapshot. */
  readonly parentImage?: string | undefined;
  /** Aborting it cancels the backup. */
  readonly signal?: AbortSignal | undefined;
}

/** A readable state of a source. */
export interface Snapshot {
  /** Name of the source, for the log. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly consistency: Consistency;
  /** Facts about the snapshot that are added to the identity of the source. */
  readonly origin?: Pick<SourceIdentity, 'imageId' | 'snapshotId' | 'snapshotFile'>;
  readonly input: SourceInput;
  /** Intended method of finding changes: `extent-map`, `rbd-diff`, `thin-delta` or `full`. */
  readonly method: string;
  /** Reason why no better method is available, for people. */
  readonly fallback?: string;
  /** Number of runs in which every unchanged block is read again; 30 by default. */
  readonly sampleRuns?: number;
  /**
   * Checks the snapshot after reading and before the revision is sealed.
   *
   * @throws an error that fails the revision, if the snapshot was lost or replaced
   */
  check?(): Promise<void>;
}

/** Explains a full read after a dropped snapshot. @param reason reason from the record of the parent */
export function fullReadReason(reason: string): string {
  return `the snapshot of the previous revision was dropped: ${reason}`;
}

/** Default number of runs in which every block is read again, regardless of change hints. */
export const DEFAULT_SAMPLE_RUNS = 30;

/** Errors of a source that may be available again at the next backup. */
export const OUT_OF_REACH = [
  'BACKY_SOURCE_MISSING',
  'BACKY_SOURCE_UNREADABLE',
  'BACKY_CLUSTER_UNREACHABLE',
  'BACKY_TOOL_MISSING',
  'BACKY_TOOL_FAILED',
] as const;
