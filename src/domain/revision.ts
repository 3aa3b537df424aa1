import type { ByteRange } from './bad-blocks.ts';
import type { FileIdentity } from './file-identity.ts';
import { timeOfRevisionId } from './revision-id.ts';

/** The confidence that a revision equals its source. */
export type Trust = 'trusted' | 'verified' | 'distrusted';

/**
 * The state of the source during the backup: `crash`, as after a power cut; `frozen` by its guest; `offline`, switched off;
 * `live`, possibly written during the backup, so that the image may mix several states.
 */
export type Consistency = 'crash' | 'frozen' | 'offline' | 'live';

/** The source of the data: its type and its identity, without secrets. */
export interface SourceIdentity {
  readonly type: string;
  /** Absolute path of a file or block device. */
  readonly filename?: string;
  /** A logical volume: `VG/LV`. */
  readonly volume?: string;
  /** An image of a Ceph cluster: `POOL/IMAGE` or `POOL/NAMESPACE/IMAGE`. */
  readonly image?: string;
  /** The cluster's id of that image. */
  readonly imageId?: string;
  /** The cluster's id of the snapshot that was read. */
  readonly snapshotId?: number;
  /** The snapshot of a file that was read; absent without a snapshot and in records of earlier versions. */
  readonly snapshotFile?: FileIdentity;
  /** The format according to its first bytes, such as `qcow2`; absent for a raw disk. */
  readonly format?: string;
}

/** Statistics of a backup. Numbers are in bytes unless stated otherwise. */
export interface RevisionStats {
  /** Seconds. */
  readonly duration: number;
  readonly bytesRead: number;
  /** Newly written to the repository: the cost of the revision. */
  readonly bytesWritten: number;
  readonly bytesChanged: number;
  readonly bytesZero: number;
  /** The method of finding changes, such as `full`, which reads all data. docs/reference/format.md lists them. */
  readonly method: string;
  /** Whether unchanged blocks are shared with the parent: `reflink` or `none`. */
  readonly sharing: string;
  /** The reason for `none`, or the other files that share blocks with the image. */
  readonly sharingReason?: string;
  /** The reason against a faster method. */
  readonly fallback?: string;
  /** The reason for removing the source's snapshot after the run, so that the next run reads everything. */
  readonly snapshotDropped?: string;
  /** Number of extents of the image when it was sealed; absent if unknown. */
  readonly extents?: number;
  /** Number of the sample of unchanged blocks that was read again; the next revision takes the next sample. */
  readonly sampleRun?: number;
  /** Ranges that changed although the change hint did not list them. */
  readonly hintFailures?: readonly ByteRange[];
  /** The latest revision, perhaps this one, whose source was read in full. All later change hints build on it. */
  readonly fullRead?: string;
}

/**
 * The record of a revision in `<uuid>.rev`. Unknown keys are kept at run time, so that they survive a rewrite of the
 * record.
 */
export interface RevisionRecord {
  readonly formatVersion: number;
  readonly uuid: string;
  /** Start of the backup: ISO 8601, UTC. */
  readonly timestamp: string;
  /** A moment of the slot that the backup was requested for, ISO 8601, UTC; absent if no slot was requested. */
  readonly slot?: string;
  /** The revision whose unchanged blocks are shared or copied. */
  readonly parent: string | null;
  readonly tags: readonly string[];
  readonly trust: Trust;
  /** The reason for distrust although the image matches its index; absent for damage. */
  readonly distrustedBecause?: string;
  /** Revisions that this backup proved unreliable, while their own records do not say so yet. */
  readonly suspects?: readonly string[];
  /** Size of the image in bytes. */
  readonly size: number;
  /** BLAKE3 of the whole index file, lower-case hex; null for a revision of the Python backy without an index. */
  readonly digest: string | null;
  /** Bytes covered by one hash of the index; null without an index. */
  readonly blockSize: number | null;
  readonly source: SourceIdentity;
  readonly consistency: Consistency;
  /** The revision whose unfinished restore had left the source incomplete. */
  readonly unfinishedRestore?: string;
  readonly stats: RevisionStats;
  /** Time of the last successful verification, or null. */
  readonly verifiedAt: string | null;
  /** Absent if the revision is not held. */
  readonly hold?: Hold;
  /** Absent if the record is the one of the backup. */
  readonly adopted?: Adoption;
  /** The server that the revision was copied from; absent or empty if it was taken here. */
  readonly server?: string;
}

/** Marks a record that replaces the lost record of the backup. */
export interface Adoption {
  /** ISO 8601, UTC. */
  readonly at: string;
  /**
   * `found`: the index is that of the backup, so it proves the data of the backup; `made`: it was made from the image
   * at that time, so it only proves that nothing changed since.
   */
  readonly index: 'found' | 'made';
}

/** The facts about an index in a record. */
export interface IndexFacts {
  /** BLAKE3 of the whole index file, lower-case hex. */
  readonly digest: string;
  /** Bytes covered by one hash. */
  readonly blockSize: number;
}

/** Protects a revision from removal. */
export interface Hold {
  /** A text for people. */
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly since: string;
  /** End of the hold, ISO 8601, UTC; null if it lasts until the release. */
  readonly until: string | null;
}

/** A revision with an unusable record or unusable files. It is listed and never changed. */
export interface DamagedRevision {
  readonly uuid: string;
  /** The problem, for people. */
  readonly reason: string;
}

/** A revision whose record this user may not read. It may be good. */
export interface UnreadableRevision {
  readonly uuid: string;
  /** The problem and advice, for people. */
  readonly reason: string;
}

/** The remains of an unfinished backup of the Python backy. The next backup or purge removes them. */
export interface IncompleteRevision {
  readonly uuid: string;
  /** The sign that it is unfinished, for people. */
  readonly reason: string;
}

/** Time of the backup, in milliseconds since 1970. */
export function takenAt(record: RevisionRecord): number {
  return Date.parse(record.timestamp);
}

/**
 * The position of a revision in time, in milliseconds since 1970. The id decides, because it never goes back even if the
 * clock does; other ids leave it to the timestamp.
 */
export function orderMs(record: RevisionRecord): number {
  return timeOfRevisionId(record.uuid) ?? takenAt(record);
}

/** Compares revisions by their position in time, then by id, so that the order is always the same. */
export function byAge(a: RevisionRecord, b: RevisionRecord): number {
  return orderMs(a) - orderMs(b) || takenAt(a) - takenAt(b) || (a.uuid < b.uuid ? -1 : 1);
}

/** A revision whose blocks can be checked. */
export interface IndexedRecord extends RevisionRecord {
  readonly digest: string;
  readonly blockSize: number;
}

/** Whether a revision has an index. */
export function isIndexed(record: RevisionRecord): record is IndexedRecord {
  return record.digest !== null && record.blockSize !== null;
}

/** Whether an image started as a clone of its source. Only such records name other files that share its blocks. */
export function sharesWithSource({ stats }: RevisionRecord): boolean {
  return stats.sharing === 'reflink' && stats.sharingReason !== undefined;
}

/** Whether a revision is reliable: it can be restored by default, cloned, and be the target of `last`. */
export function isGood(record: RevisionRecord): boolean {
  return record.trust !== 'distrusted';
}

/** Whether a revision is held at a time. */
export function isHeld({ hold }: RevisionRecord, now: Date): boolean {
  return hold !== undefined && (hold.until === null || Date.parse(hold.until) > now.getTime());
}

/** The newest good revision of a list in order of age, oldest first. */
export function newestGood(revisions: readonly RevisionRecord[]): RevisionRecord | undefined {
  return revisions.findLast(isGood);
}
