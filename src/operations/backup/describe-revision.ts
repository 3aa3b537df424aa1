import { badRanges } from '../../domain/bad-blocks.ts';
import { fullReadOf } from '../../domain/doubt.ts';
import type { RevisionRecord, RevisionStats } from '../../domain/revision.ts';
import type { WriteStats } from '../../native/engine.ts';
import { FORMAT_VERSION } from '../../repository/record.ts';
import type { Snapshot, SnapshotRequest } from '../../sources/source.ts';
import type { RevisionPlan } from './revision-plan.ts';

/** The sample counter wraps here: beyond any real count, and a safe integer. */
const SAMPLE_RUN_CYCLE = 2 ** 31;
/** Maximum number of wrongly hinted ranges in a record. */
const NAMED_RANGES = 100;
const ONE_DISK = 'with the source, as both live on one disk';

/** The outcome of writing a revision. */
type Written = WriteStats & {
  readonly finishedAt: Date;
  readonly snapshotDropped?: string | undefined;
  readonly format?: string | undefined;
};

/** Builds the record of a written revision. */
export function describeRevision(
  plan: RevisionPlan,
  snapshot: Snapshot,
  { uuid, parent }: SnapshotRequest,
  written: Written,
): RevisionRecord {
  const { source, tags, startedAt, slot, unfinished } = plan;
  const { size, digest, blockSize, format, finishedAt } = written;
  const duration = Math.max(0, finishedAt.getTime() - startedAt.getTime()) / 1000;
  const fullRead = written.narrowed ? parent && fullReadOf(parent, plan.revisions) : uuid;
  return {
    formatVersion: FORMAT_VERSION,
    uuid,
    timestamp: startedAt.toISOString(),
    ...(slot === undefined ? {} : { slot: slot.toISOString() }),
    parent: parent?.uuid ?? null,
    tags,
    trust: 'trusted',
    size,
    digest,
    blockSize,
    source: { ...source.identity, ...snapshot.origin, ...(format === undefined ? {} : { format }) },
    consistency: snapshot.consistency,
    ...(unfinished ? { unfinishedRestore: unfinished.revision } : {}),
    stats: {
      duration,
      ...statsOf(plan, snapshot, parent, written),
      ...(fullRead === undefined ? {} : { fullRead }),
    },
    verifiedAt: null,
  };
}

function statsOf(
  plan: RevisionPlan,
  snapshot: Snapshot,
  parent: RevisionRecord | undefined,
  written: Written,
): Omit<RevisionStats, 'duration' | 'fullRead'> {
  const { bytesRead, bytesWritten, bytesChanged, bytesZero, sharing } = written;
  const { extents, hintFailures, snapshotDropped } = written;
  const sharingReason = written.sourceCloned ? ONE_DISK : written.sharingReason;
  const reasons = [parent ? undefined : reasonForNoParent(plan), snapshot.fallback, written.fallback];
  const fallback = reasons.filter((reason) => reason !== undefined).join('; ');
  return {
    bytesRead,
    bytesWritten,
    bytesChanged,
    bytesZero,
    method: methodOf(snapshot, written),
    sharing,
    ...(sharingReason === undefined ? {} : { sharingReason }),
    ...(fallback === '' ? {} : { fallback }),
    ...(snapshotDropped === undefined ? {} : { snapshotDropped }),
    ...(extents === undefined ? {} : { extents }),
    sampleRun: sampleRunAfter(parent),
    ...(hintFailures.length > 0 ? { hintFailures: badRanges(hintFailures).slice(0, NAMED_RANGES) } : {}),
  };
}

/** Returns the reason why a revision has no parent; undefined for the first revision. */
export function reasonForNoParent({ revisions, damaged, unreadable }: RevisionPlan): string | undefined {
  const counts = [
    [revisions.length, 'distrusted'],
    [damaged, 'damaged'],
    [unreadable, 'unreadable'],
  ] as const;
  const bad = counts.flatMap(([count, word]) => (count > 0 ? [`${count} ${word}`] : []));
  return bad.length > 0 ? `no earlier revision is good (${bad.join(', ')})` : undefined;
}

/**
 * Returns the number of the next sample. Each run reads other blocks. The number of revisions would not do, because it
 * becomes constant once old revisions expire.
 */
export function sampleRunAfter(parent: RevisionRecord | undefined): number {
  return parent?.stats.sampleRun === undefined ? 0 : (parent.stats.sampleRun + 1) % SAMPLE_RUN_CYCLE;
}

/** Returns the method that was used. The source may have planned a faster one. */
function methodOf({ method }: Snapshot, { narrowed, sourceCloned }: WriteStats): string {
  if (!narrowed) return 'full';
  return sourceCloned ? 'clone' : method;
}
