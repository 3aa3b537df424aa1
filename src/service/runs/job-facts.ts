import { existsSync } from 'node:fs';
import { isGood, newestGood, type RevisionRecord, takenAt } from '../../domain/revision.ts';
import { takenOf } from '../../domain/schedule.ts';
import { isManualTag } from '../../domain/tags.ts';
import { layoutOf } from '../../repository/layout.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import { type JobFacts, NO_FACTS } from '../model/runner.ts';
import type { JobConfig } from '../model/service-config.ts';
import type { LastRevision } from '../model/service-status.ts';

/** Reads the facts about a job's repository. One that is not there yet has none. @throws BACKY_IO */
export async function readJobFacts({ directory }: JobConfig): Promise<JobFacts> {
  if (!existsSync(directory)) return NO_FACTS;
  const { revisions, damaged } = await readRevisions(layoutOf(directory));
  const good = revisions.filter(isGood);
  const newest = newestGood(revisions);
  const tags = revisions.flatMap((record) => record.tags.filter(isManualTag));
  return {
    taken: revisions.map(takenOf),
    last: newest ? lastRevision(newest) : null,
    revisions: revisions.length,
    manualTags: [...new Set(tags)],
    damaged: damaged.length,
    newestDistrusted: revisions.at(-1)?.trust === 'distrusted',
    verifiedSinceMs: verifiedSince(good),
    oldestMs: good[0] && takenAt(good[0]),
    bytes: revisions.reduce((sum, { stats }) => sum + stats.bytesWritten, 0),
  };
}

function lastRevision({ uuid, timestamp, tags, stats }: RevisionRecord): LastRevision {
  const { duration, method, fallback = null } = stats;
  return { uuid, time: timestamp, tags, duration, method, fallback };
}

function verifiedSince(good: readonly RevisionRecord[]): number | undefined {
  const times = good.map(({ verifiedAt }) => (verifiedAt === null ? undefined : Date.parse(verifiedAt)));
  return times.reduce(
    (least, time) => (least === undefined || time === undefined ? undefined : Math.min(least, time)),
    times[0],
  );
}
