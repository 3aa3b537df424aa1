import type { SourceConfig } from '../../config/config.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import type { Source } from '../../sources/source.ts';
import type { UnfinishedRestore } from '../restore/unfinished-restore.ts';

/** Everything that is decided before a revision is taken. */
export interface RevisionPlan {
  readonly config: SourceConfig;
  readonly source: Source;
  /** The revisions of the repository, oldest first. */
  readonly revisions: readonly RevisionRecord[];
  /** Number of damaged revisions beside them. */
  readonly damaged: number;
  /** Number of revisions beside them whose records may not be read. */
  readonly unreadable: number;
  readonly tags: readonly string[];
  readonly startedAt: Date;
  /** A moment of the slot that it is asked for. */
  readonly slot?: Date | undefined;
  readonly requireReflink: boolean;
  /** Bytes of the largest source that is taken. */
  readonly sizeLimit: number;
  /** The restore that has left the source half-done, if it is taken all the same. */
  readonly unfinished?: UnfinishedRestore | undefined;
}
