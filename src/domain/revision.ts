import type { ByteRange } from './bad-blocks.ts';
import type { FileIdentity } from './file-identity.ts';
import { timeOfRevisionId } from './revision-id.ts';

/** How far a revision is believed to equal its source. */
export type Trust = 'trusted' | 'verified' | 'distrusted';

/**
 * In which state the source was when it was read: `crash`, as after a power cut; `frozen` by its guest; `offline`,
 * switched off; `live`, read while somebody may have written to it, so that the image may hold a mixture of states.
 */
export type Consistency = 'crash' | 'frozen' | 'offline' | 'live';

/** Where the data came from: the type of the source and what identifies it, never a secret. */
export interface SourceIdentity {
  readonly type: string;
  /** Absolute path of a file or block device. */
  readonly filename?: string;
  /** A logical volume: `VG/LV`. */
  readonly volume?: string;
  /** An image of a Ceph cluster: `POOL/IMAGE` or `POOL/NAMESPACE/IMAGE`. */
  readonly image?: string;
  /** The id that the cluster gave to that image. */
  readonly imageId?: string;
  /** The id that the cluster gave to the snapshot that was read. */
  readonly snapshotId?: number;
  /** The snapshot of a file that was read; absent when it was read as it was, and in records of earlier versions. */
  readonly snapshotFile?: FileIdentity;
  /** A format such as `qcow2` that its first bytes show; absent for a raw disk. */
  readonly format?: string;
}

/** What it took to make a revision. Bytes everywhere. */
export interface RevisionStats {
  /** Seconds. */
  readonly duration: number;
  readonly bytesRead: number;
  /** Newly written to the repository: what the revision costs. */
  readonly bytesWritten: number;
  readonly bytesChanged: number;
  readonly bytesZero: number;
  /** How changes were found; `full`: all data of the source was read. docs/reference/format.md has the others. */
  readonly method: string;
  /** Whether unchanged blocks are shared with the parent: `reflink` or `none`. */
  readonly sharing: string;
  /** Why `sharing` is `none`, or what blocks are shared with beside the parent. */
  readonly sharingReason?: string;
  /** Why a better method was not taken. */
  readonly fallback?: string;
  /** Why the source's snapshot was removed after the run, so that the next one reads everything; absent: it was not. */
  readonly snapshotDropped?: string;
  /** In how many pieces the image lay on the disk when it was sealed; absent where nothing tells. */
  readonly extents?: number;
  /** Which sample of the blocks that nothing was said of was read again; the next revision takes the next one. */
  readonly sampleRun?: number;
  /** Where the source's own account of what changed was found wrong. */
  readonly hintFailures?: readonly ByteRange[];
  /** The revision whose source was read in full, and on which all hints since rest; often itself. */
  readonly fullRead?: string;
}

/**
 * The record of a revision, as it stands in `<uuid>.rev`. Keys that this version does not know
 * are carried along at run time, so that they survive when the record is rewritten.
 */
export interface RevisionRecord {
  readonly formatVersion: number;
  readonly uuid: string;
  /** When the backup started: ISO 8601, UTC. */
  readonly timestamp: string;
  /** A moment of the slot that the backup was asked for, ISO 8601, UTC; absent: it was not asked for by slot. */
  readonly slot?: string;
  /** The revision whose blocks were taken over. */
  readonly parent: string | null;
  readonly tags: readonly string[];
  readonly trust: Trust;
  /** Why it is distrusted although its image is what the index says; absent for damage, and when it is not distrusted. */
  readonly distrustedBecause?: string;
  /** Revisions that this one proved to be in doubt, and whose records do not say so yet. */
  readonly suspects?: readonly string[];
  /** Size of the image in bytes. */
  readonly size: number;
  /** BLAKE3 of the whole index file, lower-case hex; null: it has no index yet, as it is of the Python backy. */
  readonly digest: string | null;
  /** Bytes covered by one hash of the index; null without one. */
  readonly blockSize: number | null;
  readonly source: SourceIdentity;
  readonly consistency: Consistency;
  /** The revision whose restore had left the source half-done when this one was taken of it. */
  readonly unfinishedRestore?: string;
  readonly stats: RevisionStats;
  /** When the image was last found to equal its index, or null. */
  readonly verifiedAt: string | null;
  /** Absent: not held. */
  readonly hold?: Hold;
  /** Absent: the record is the one that was written when the revision was taken. */
  readonly adopted?: Adoption;
  /** The server that the revision was copied from; absent or empty: it was taken here. */
  readonly server?: string;
}

/** That the record was made anew, because the one of the backup was lost. */
export interface Adoption {
  /** ISO 8601, UTC. */
  readonly at: string;
  /**
   * `found`: the index is that of the backup, so what equals it is what was backed up; `made`: it was made from the
   * image at that time, so it tells changes since then and nothing else.
   */
  readonly index: 'found' | 'made';
}

/** What a record says of the index of its image. */
export interface IndexFacts {
  /** BLAKE3 of the whole index file, lower-case hex. */
  readonly digest: string;
  /** Bytes covered by one hash. */
  readonly blockSize: number;
}

/** Why a revision must not be removed. */
export interface Hold {
  /** For people. */
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly since: string;
  /** When it ends by itself, ISO 8601, UTC; null: when it is released. */
  readonly until: string | null;
}

/** A revision whose record or files cannot be used. It is shown, and left alone. */
export interface DamagedRevision {
  readonly uuid: string;
  /** What is wrong with it, for people. */
  readonly reason: string;
}

/** A revision whose record this user may not read. Nothing is known against it. */
export interface UnreadableRevision {
  readonly uuid: string;
  /** What to do about it, for people. */
  readonly reason: string;
}

/** What a backup of the Python backy left that never finished: no revision, and gone after the next backup or purge. */
export interface IncompleteRevision {
  readonly uuid: string;
  /** How that shows, for people. */
  readonly reason: string;
}

/** When a revision was taken, in milliseconds since 1970. */
export function takenAt(record: RevisionRecord): number {
  return Date.parse(record.timestamp);
}

/**
 * The place of a revision in time, in milliseconds since 1970: by its id, which does not follow a clock that runs
 * backwards, or else by its timestamp.
 */
export function orderMs(record: RevisionRecord): number {
  return timeOfRevisionId(record.uuid) ?? takenAt(record);
}

/** Orders revisions by their places in time; equal ones by id, so that the order never depends on the directory. */
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

/** Whether an image began as the snapshot of its source: only such a one says what else it shares its blocks with. */
export function sharesWithSource({ stats }: RevisionRecord): boolean {
  return stats.sharing === 'reflink' && stats.sharingReason !== undefined;
}

/** Whether a revision may be relied upon: restored by default, cloned, pointed to by `last`. */
export function isGood(record: RevisionRecord): boolean {
  return record.trust !== 'distrusted';
}

/** Whether a revision is held at a time. */
export function isHeld({ hold }: RevisionRecord, now: Date): boolean {
  return hold !== undefined && (hold.until === null || Date.parse(hold.until) > now.getTime());
}

/** The newest good revision of a list ordered oldest first. */
export function newestGood(revisions: readonly RevisionRecord[]): RevisionRecord | undefined {
  return revisions.findLast(isGood);
}
