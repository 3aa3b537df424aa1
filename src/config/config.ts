import type { Schedule } from '../domain/schedule.ts';

/** The configuration of a repository: its source, its schedule and its limits. */
export interface Config {
  readonly source: SourceConfig;
  readonly schedule: Schedule;
  /** Name of the time zone of the schedule; by default that of this machine. */
  readonly timeZone?: string;
  /** Refuse a backup that cannot share blocks, instead of copying. */
  readonly requireReflink: boolean;
  /** Time that removed revisions stay in the trash, in milliseconds. */
  readonly graceMs: number;
  /** Bytes of the largest source that is backed up, and of the largest image that gets an index. */
  readonly sizeLimit: number;
  /** The most that a backup reads from the source, in bytes per second. */
  readonly rate?: number;
  /** Whether backups run at idle priority. */
  readonly idle?: boolean;
}

/** Default time that removed revisions stay in the trash: a day, in milliseconds. */
export const DEFAULT_GRACE_MS = 86_400_000;

/** A source by its type. */
export type SourceConfig = FileSourceConfig | LvmSourceConfig | CephRbdSourceConfig;

/** Settings that every source has. */
interface SourceSettings {
  /** Treats the source as a raw disk, whatever format its first bytes suggest. */
  readonly format?: 'raw';
}

/** A file or block device on this machine. */
export interface FileSourceConfig extends SourceSettings {
  readonly type: 'file';
  /** A relative path is relative to the repository. Symbolic links are followed at each backup. */
  readonly filename: string;
  /** Whether to back up a snapshot of the file if its filesystem supports clones; true by default. */
  readonly snapshot?: boolean;
  /** Number of runs within which every block is read again, whether or not it changed; 30 by default. */
  readonly sampleRuns?: number;
  /** Read a device that is mounted or otherwise in use; false by default. */
  readonly allowMounted?: boolean;
}

/** A logical volume of LVM on this machine. */
export interface LvmSourceConfig extends SourceSettings {
  readonly type: 'lvm';
  readonly volumeGroup: string;
  readonly volume: string;
  /** Size of the temporary snapshot of a volume that is not thin, such as `10%` or `20G`. */
  readonly snapshotSize?: string;
  /** Number of runs within which every block is read again, even if the thin pool reports no change. */
  readonly sampleRuns?: number;
}

/** An image of a Ceph cluster. */
export interface CephRbdSourceConfig extends SourceSettings {
  readonly type: 'ceph-rbd';
  readonly pool: string;
  readonly namespace?: string;
  readonly image: string;
  /** User of Ceph without the prefix `client.`; by default that of `CEPH_ARGS`, or else `admin`. */
  readonly user?: string;
  /** Path of the cluster's configuration; by default that of `CEPH_CONF`, or else `/etc/ceph/ceph.conf`. */
  readonly conf?: string;
  /** Read everything in each run, even if the cluster reports no change. */
  readonly fullAlways?: boolean;
  /** Timeout for answers of the cluster, such as `2m`. */
  readonly timeout?: string;
  /** Number of runs within which every block is read again, even if the cluster reports no change. */
  readonly sampleRuns?: number;
}

/** The types of sources that this version knows. */
export const SOURCE_TYPES = ['file', 'lvm', 'ceph-rbd'] as const;
