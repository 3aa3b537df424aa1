import type { Consistency, SourceIdentity } from '../domain/revision.ts';

/** Something that can be backed up. */
export interface Source {
  /** What its revisions say about where they come from. */
  readonly identity: SourceIdentity;
  /**
   * The state of the source that the backup reads.
   *
   * @throws BACKY_SOURCE_MISSING, BACKY_SOURCE_UNREADABLE, BACKY_SOURCE_KIND
   */
  snapshot(): Promise<Snapshot>;
}

/** A state of a source, as a file or block device. */
export interface Snapshot {
  /** Absolute path. */
  readonly path: string;
  readonly kind: 'file' | 'device';
  /** Bytes. */
  readonly size: number;
  readonly consistency: Consistency;
}
