import type { SourceConfig } from '../../config/config.ts';
import type { Schedule } from '../../domain/schedule.ts';

/** The configuration of the service, checked. Durations and times of day are in milliseconds. */
export interface ServiceConfig {
  /** The file that it was read from. */
  readonly path: string;
  /** Holds one directory for each job, which is a repository. */
  readonly baseDirectory: string;
  readonly statusFile: string;
  /** The time between two writes of the status file. */
  readonly statusIntervalMs: number;
  /** Number of runs of each pool that may be under way at once. */
  readonly workers: Readonly<Record<Pool, number>>;
  /** Started after each successful run with the name of the job; it reads the job's status as YAML from its standard input. */
  readonly completedCallback?: string;
  /** Milliseconds that the service waits for runs when it stops. */
  readonly shutdownTimeoutMs: number;
  readonly jobs: ReadonlyMap<string, JobConfig>;
  /** The names of the schedules. */
  readonly schedules: readonly string[];
  readonly windows: ReadonlyMap<string, Window>;
  /** Number of runs that may read from one place at once, by place, such as `ceph:rbd` or `disk:8:16`. */
  readonly limits: ReadonlyMap<string, number>;
  readonly notify: readonly NotifyTarget[];
  readonly api: ApiConfig;
  /** Settings that are accepted and have no effect, and others that deserve a word, a line each. */
  readonly warnings: readonly string[];
}

/** Runs of the last duration below ten minutes are fast. */
export type Pool = 'fast' | 'slow';

/** A job: a source, its schedule, and how its runs are made. */
export interface JobConfig {
  readonly name: string;
  /** The repository: the job's name in the base directory. */
  readonly directory: string;
  readonly source: SourceConfig;
  /** The name that `schedules` gives its schedule. */
  readonly scheduleName: string;
  readonly schedule: Schedule;
  /** The name of the window in which its runs begin; absent: at any time. */
  readonly window?: string;
  /** The greatest age of the newest good revision that carries a tag, by tag, for each tag of the schedule. */
  readonly sla: ReadonlyMap<string, number>;
  /** Verify what was not verified for this long; absent: verify nothing on its own. */
  readonly verifyMs?: number;
  readonly hooks: Hooks;
  /** The time zone of the schedule; absent: that of this machine. */
  readonly timeZone?: string;
  /** Milliseconds in which removed revisions can be brought back. */
  readonly graceMs: number;
  readonly requireReflink: boolean;
  /** Bytes that a run reads in a second, at most. */
  readonly rate?: number;
  readonly idle?: boolean;
}

/** Programs that are run around each backup of a job, without a shell. */
export interface Hooks {
  /** If it fails, there is no backup, and the run has failed. */
  readonly before?: readonly string[];
  /** Runs whatever came of the backup, also when the repository could not be opened. */
  readonly after?: readonly string[];
}

/** A part of each day in which runs may begin. It may go over midnight. */
export interface Window {
  /** Milliseconds since midnight on the clocks of the time zone. */
  readonly fromMs: number;
  readonly toMs: number;
  /** The end of a run that is under way when the window closes. */
  readonly stop: 'finish' | 'cancel';
}

/** The changes that people may be told about. */
export type Occasion = 'failed' | 'late' | 'recovered' | 'damaged' | 'disk' | 'config';

export interface NotifyTarget {
  readonly name: string;
  readonly when: readonly Occasion[];
  readonly channel: Channel;
}

export type Channel =
  | { readonly type: 'webhook' | 'ntfy' | 'gotify' | 'slack'; readonly url: string; readonly secret?: string }
  | { readonly type: 'command'; readonly command: readonly string[] }
  | { readonly type: 'sendmail'; readonly to: string; readonly from?: string; readonly program?: string }
  | { readonly type: 'ping'; readonly url: string };

export interface ApiConfig {
  /** Path of the socket for administrators. */
  readonly socket: string;
  /** Path of the socket that only reads. */
  readonly statusSocket: string;
  /** Addresses for TCP; none by default. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** The SHA-256 of each token, as 64 lower-case hex digits, with its owner. */
  readonly tokens: ReadonlyMap<string, TokenOwner>;
}

export interface TokenOwner {
  readonly name: string;
  readonly role: Role;
}

/** Each role may do what the one before it may. */
export type Role = 'read' | 'operate' | 'admin';
