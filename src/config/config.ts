import type { Schedule } from '../domain/schedule.ts';

/** What a repository backs up, and when. */
export interface Config {
  readonly source: SourceConfig | UnsupportedSourceConfig;
  readonly schedule: Schedule;
  /** Refuse to back up where blocks cannot be shared, instead of copying. */
  readonly requireReflink: boolean;
  /** How long removed revisions can be brought back, in milliseconds. */
  readonly graceMs: number;
}

/** How long removed revisions can be brought back, unless the configuration says otherwise: a day. */
export const DEFAULT_GRACE_MS = 86_400_000;

/** A source by its type. */
export type SourceConfig = FileSourceConfig | LvmSourceConfig;

/** A file or block device on this machine. */
export interface FileSourceConfig {
  readonly type: 'file';
  /** A relative path is relative to the repository. Symbolic links are followed at each backup. */
  readonly filename: string;
  /** Whether the file is cloned into a snapshot first, where its filesystem can; true by default. */
  readonly snapshot?: boolean;
  /** After how many runs every block was read again, whatever is known of changes; 30 by default. */
  readonly sampleRuns?: number;
  /** Read a device although it is mounted or otherwise in use; false by default. */
  readonly allowMounted?: boolean;
}

/** A source of the Python backy that this version cannot read. All but a backup works. */
export interface UnsupportedSourceConfig {
  readonly type: 'unsupported';
  /** What the type is called in the configuration. */
  readonly named: string;
}

/** A logical volume of LVM on this machine. */
export interface LvmSourceConfig {
  readonly type: 'lvm';
  readonly volumeGroup: string;
  readonly volume: string;
  /** Room of the temporary snapshot of a volume that is not thin, such as `10%` or `20G`. */
  readonly snapshotSize?: string;
  /** After how many runs each block was read again, whatever the thin pool says has changed. */
  readonly sampleRuns?: number;
}

/** The types of sources that this version knows. */
export const SOURCE_TYPES = ['file', 'lvm'] as const;
