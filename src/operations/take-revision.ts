import { randomBytes } from 'node:crypto';
import { byAge, isGood, newestGood, type RevisionRecord, takenAt } from '../domain/revision.ts';
import { newRevisionId } from '../domain/revision-id.ts';
import { formatSize } from '../domain/size.ts';
import type { Engine, OperationOptions, WriteOptions, WriteStats } from '../native/engine.ts';
import type { Layout, RevisionFiles } from '../repository/layout.ts';
import { updateLinks } from '../repository/links.ts';
import { FORMAT_VERSION } from '../repository/record.ts';
import { discardRevision, sealRevision } from '../repository/seal-revision.ts';
import type { Snapshot, Source } from '../sources/source.ts';
import type { Context } from './context.ts';

/** Everything that is decided before a revision is taken. */
export interface RevisionPlan {
  readonly source: Source;
  /** What the repository holds, oldest first. */
  readonly revisions: readonly RevisionRecord[];
  readonly tags: readonly string[];
  readonly startedAt: Date;
  readonly requireReflink: boolean;
}

/**
 * Writes, checks and seals a revision, and points the links to it. The caller holds the locks.
 *
 * @throws what `backup` throws; nothing of the revision is left then
 */
export async function takeRevision(
  context: Context,
  engine: Engine,
  plan: RevisionPlan,
  operation: OperationOptions,
): Promise<RevisionRecord> {
  const { layout, log } = context;
  const snapshot = await plan.source.snapshot();
  const parent = newestGood(plan.revisions);
  const uuid = newRevisionId(plan.startedAt, randomBytes(10));
  log('info', `backing up ${snapshot.path} as ${uuid} for ${plan.tags.join(', ')}`);
  const record = await withoutRemains(context, engine, uuid, async () => {
    const stats = await engine.writeImage(writeOptions(layout, plan, snapshot, uuid, parent), operation);
    const written = describeRevision(plan, snapshot, uuid, parent, stats, context.clock());
    await sealRevision(engine, layout, written);
    return written;
  });
  await updateLinks(engine, layout, [...plan.revisions, record].sort(byAge));
  report(context, plan, record);
  return record;
}

function writeOptions(
  layout: Layout,
  { revisions, requireReflink }: RevisionPlan,
  snapshot: Snapshot,
  uuid: string,
  parent: RevisionRecord | undefined,
): WriteOptions {
  const { partialImage, partialIndex } = layout.files(uuid);
  const options = { source: snapshot.path, image: partialImage, index: partialIndex, requireReflink };
  if (!parent) return options;
  const { image: parentImage, index: parentIndex }: RevisionFiles = layout.files(parent.uuid);
  // Where one revision was found to be damaged, hashes alone no longer prove what is on the disk.
  return { ...options, parentImage, parentIndex, compareBytes: !revisions.every(isGood) };
}

function describeRevision(
  { source, tags, startedAt }: RevisionPlan,
  { consistency }: Snapshot,
  uuid: string,
  parent: RevisionRecord | undefined,
  stats: WriteStats,
  finishedAt: Date,
): RevisionRecord {
  const { sharingReason, fallback } = stats;
  return {
    formatVersion: FORMAT_VERSION,
    uuid,
    timestamp: startedAt.toISOString(),
    parent: parent?.uuid ?? null,
    tags,
    trust: 'trusted',
    size: stats.size,
    digest: stats.digest,
    blockSize: stats.blockSize,
    source: source.identity,
    consistency,
    stats: {
      duration: Math.max(0, finishedAt.getTime() - startedAt.getTime()) / 1000,
      bytesRead: stats.bytesRead,
      bytesWritten: stats.bytesWritten,
      bytesChanged: stats.bytesChanged,
      bytesZero: stats.bytesZero,
      method: 'full',
      sharing: stats.sharing,
      ...(sharingReason === undefined ? {} : { sharingReason }),
      ...(fallback === undefined ? {} : { fallback }),
    },
    verifiedAt: null,
  };
}

/** Runs `work`; when it fails, removes the unfinished revision before the failure is passed on. */
async function withoutRemains<Result>(
  { layout, log }: Context,
  engine: Engine,
  uuid: string,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    try {
      await discardRevision(engine, layout, uuid);
    } catch (second) {
      // The first failure is the one to report; the next backup cleans up.
      log(
        'warning',
        `the unfinished revision ${uuid} could not be removed: ${second instanceof Error ? second.message : String(second)}`,
      );
    }
    throw error;
  }
}

/** Nothing degrades silently. */
function report(
  { log }: Context,
  { revisions, startedAt }: RevisionPlan,
  { uuid, stats }: RevisionRecord,
): void {
  const { sharing, sharingReason = 'unknown reason', fallback, bytesWritten, duration } = stats;
  log('info', `sealed ${uuid}: ${formatSize(bytesWritten)} written in ${Math.round(duration)} s`);
  if (sharing === 'none') log('warning', `revision ${uuid} shares no blocks with others: ${sharingReason}`);
  if (fallback !== undefined) log('warning', `revision ${uuid} took longer than need be: ${fallback}`);
  const ahead = revisions.find((record) => takenAt(record) > startedAt.getTime());
  if (ahead)
    log('warning', `revision ${ahead.uuid} is dated after this one: check the clock of this machine`);
}
