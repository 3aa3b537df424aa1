import type { SourceConfig } from '../../config/config.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import type { Source } from '../../sources/source.ts';
import type { UnfinishedRestore } from '../restore/unfinished-restore.ts';

/** Decisions and facts from before a revision is taken. */
export interface RevisionPlan {
  readonly config: SourceConfig;
  readonly source: Source;
  /** The revisions of the repository, oldest first. */
  readonly revisions: readonly RevisionRecord[];
  /** Number of damaged revisions. */
  readonly damaged: number;
  /** Number of revisions whose records this user may not read. */
  readonly unreadable: number;
  readonly tags: readonly string[];
  readonly startedAt: Date;
  /** A moment in the requested slot. */
  readonly slot?: Date | undefined;
  readonly requireReflink: boolean;
  /** Size limit of the source, in bytes. */
  readonly sizeLimit: number;
  /** The unfinished restore to the source, if `force` accepts it. */
  readonly unfinished?: UnfinishedRestore | undefined;
}
