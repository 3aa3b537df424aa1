import type { DamagedRevision, RevisionRecord } from '../domain/revision.ts';
import { readRevisions } from '../repository/read-revisions.ts';
import type { Context } from './context.ts';

/** What a repository holds. */
export interface Status {
  /** Oldest first. */
  readonly revisions: readonly RevisionRecord[];
  readonly damaged: readonly DamagedRevision[];
  readonly summary: StatusSummary;
}

/** Totals over the readable revisions. */
export interface StatusSummary {
  /** How many are readable. */
  readonly revisions: number;
  /** How many are not. */
  readonly damaged: number;
  /** Bytes written for all of them: what they take, as far as nothing is shared otherwise. */
  readonly bytesWritten: number;
}

/** Lists all revisions. Needs neither the engine nor a valid configuration. @throws BACKY_IO */
export async function status({ layout }: Context): Promise<Status> {
  const { revisions, damaged } = await readRevisions(layout);
  const bytesWritten = revisions.reduce((sum, { stats }) => sum + stats.bytesWritten, 0);
  return {
    revisions,
    damaged,
    summary: { revisions: revisions.length, damaged: damaged.length, bytesWritten },
  };
}
