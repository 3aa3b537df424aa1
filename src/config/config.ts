import type { Schedule } from '../domain/schedule.ts';

/** What a repository backs up, and when. */
export interface Config {
  readonly source: SourceConfig;
  readonly schedule: Schedule;
  /** Name of the time zone whose calendar the schedule goes by; absent: that of this machine. */
  readonly timeZone?: string;
  /** Refuse to back up where blocks cannot be shared, instead of copying. */
  readonly requireReflink: boolean;
  /** How long removed revisions can be brought back, in milliseconds. */
  readonly graceMs: number;
  /** Bytes of the largest source that is backed up, and of the largest image that gets an index. */
  readonly sizeLimit: number;
  /** Bytes of the source that a backup reads in a second, at most. */
  readonly rate?: number;
  /** Whether everything else on the machine goes first while a backup runs. */
  readonly idle?: boolean;
}

/** How long removed revisions can be brought back, unless the configuration says otherwise: a day. */
export const DEFAULT_GRACE_MS = 86_400_000;

/** A source by its type. */
export type SourceConfig = FileSourceConfig | LvmSourceConfig | CephRbdSourceConfig;

/** Settings that every source has. */
interface SourceSettings {
  /** Says that it is a raw disk, whatever its first bytes look like. */
  readonly format?: 'raw';
}

/** A file or block device on this machine. */
export interface FileSourceConfig extends SourceSettings {
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

/** A logical volume of LVM on this machine. */
export interface LvmSourceConfig extends SourceSettings {
  readonly type: 'lvm';
  readonly volumeGroup: string;
  readonly volume: string;
  /** Room of the temporary snapshot of a volume that is not thin, such as `10%` or `20G`. */
  readonly snapshotSize?: string;
  /** After how many runs each block was read again, whatever the thin pool says has changed. */
  readonly sampleRuns?: number;
}

/** An image of a Ceph cluster. */
export interface CephRbdSourceConfig extends SourceSettings {
  readonly type: 'ceph-rbd';
  readonly pool: string;
  readonly namespace?: string;
  readonly image: string;
  /** Of Ceph, without `client.` in front; by default the one of `CEPH_ARGS`, or else `admin`. */
  readonly user?: string;
  /** Path of the configuration of the cluster; by default that of `CEPH_CONF`, or else `/etc/ceph/ceph.conf`. */
  readonly conf?: string;
  /** Read everything each time, whatever the cluster says has changed. */
  readonly fullAlways?: boolean;
  /** How long the cluster may take to answer, such as `2m`. */
  readonly timeout?: string;
  /** After how many runs each block was read again, whatever the cluster says has changed. */
  readonly sampleRuns?: number;
}

/** The types of sources that this version knows. */
export const SOURCE_TYPES = ['file', 'lvm', 'ceph-rbd'] as const;
