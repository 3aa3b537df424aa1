import type { Schedule } from '../domain/schedule.ts';

/** What a repository backs up, and when. */
export interface Config {
  readonly source: SourceConfig;
  readonly schedule: Schedule;
  /** Refuse to back up where blocks cannot be shared, instead of copying. */
  readonly requireReflink: boolean;
}

/** A source by its type. */
export type SourceConfig = FileSourceConfig;

/** A file or block device on this machine. */
export interface FileSourceConfig {
  readonly type: 'file';
  /** A relative path is relative to the repository. Symbolic links are followed at each backup. */
  readonly filename: string;
}

/** The types of sources that this version knows. */
export const SOURCE_TYPES = ['file'] as const;
