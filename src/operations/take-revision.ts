import { randomBytes } from 'node:crypto';
import { describeBadBlocks } from '../domain/bad-blocks.ts';
import {
  byAge,
  isGood,
  isIndexed,
  newestGood,
  type RevisionRecord,
  sharesWithSource,
  takenAt,
} from '../domain/revision.ts';
import { newRevisionId } from '../domain/revision-id.ts';
import { formatSize } from '../domain/size.ts';
import { isBackyError } from '../errors.ts';
import type { Engine, OperationOptions, WriteOptions, WriteStats } from '../native/engine.ts';
import type { Layout, RevisionFiles } from '../repository/layout.ts';
import { updateLinks } from '../repository/links.ts';
import { discardRevision, sealRevision } from '../repository/seal-revision.ts';
import { DEFAULT_SAMPLE_RUNS, type Snapshot, type SnapshotRequest, type Source } from '../sources/source.ts';
import type { Context } from './context.ts';
import { describeRevision, sampleRunAfter } from './describe-revision.ts';
import { indexRevision } from './index-revision.ts';

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
  const parent = await indexedParent(context, engine, newestGood(plan.revisions), operation);
  const uuid = newRevisionId(plan.startedAt, randomBytes(10));
  await tidySource(context, plan.source, parent?.uuid);
  const { record, stats } = await withoutRemains(context, engine, plan.source, { uuid, parent }, async () => {
    const snapshot = await plan.source.snapshot({ uuid, parent, parentImage: snapshotImage(layout, parent) });
    log('info', `backing up ${snapshot.name} as ${uuid} for ${plan.tags.join(', ')}`);
    const options = writeOptions(layout, plan, snapshot, uuid, parent);
    const stats = await checkingAfterwards(snapshot, () => engine.writeImage(options, operation));
    const record = describeRevision(plan, snapshot, { uuid, parent }, stats, context.clock());
    await sealRevision(engine, layout, record);
    return { record, stats };
  });
  await tidySource(context, plan.source, uuid);
  await updateLinks(engine, layout, [...plan.revisions, record].sort(byAge));
  report(context, plan, record, stats);
  return record;
}

/** A parent without an index costs a full comparison anyway, and with that it gets one. */
async function indexedParent(
  context: Context,
  engine: Engine,
  parent: RevisionRecord | undefined,
  operation: OperationOptions,
): Promise<RevisionRecord | undefined> {
  if (!parent || isIndexed(parent)) return parent;
  try {
    return await indexRevision(context, engine, parent.uuid, operation);
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    context.log('warning', `the parent ${parent.uuid} has no index: ${error.message}`);
    return parent;
  }
}

/** A snapshot that is lost can often not be read either; that it is lost says more. */
async function checkingAfterwards<Result>(snapshot: Snapshot, read: () => Promise<Result>): Promise<Result> {
  try {
    const result = await read();
    await snapshot.check?.();
    return result;
  } catch (error) {
    if (isBackyError(error, 'BACKY_IO', 'BACKY_SOURCE_SHORT')) await snapshot.check?.();
    throw error;
  }
}

/** The image of a revision that was the source's snapshot. */
function snapshotImage(layout: Layout, parent: RevisionRecord | undefined): string | undefined {
  return parent && sharesWithSource(parent) ? layout.files(parent.uuid).image : undefined;
}

function writeOptions(
  layout: Layout,
  { revisions, requireReflink }: RevisionPlan,
  snapshot: Snapshot,
  uuid: string,
  parent: RevisionRecord | undefined,
): WriteOptions {
  const { partialImage, partialIndex } = layout.files(uuid);
  const options = {
    source: snapshot.input,
    image: partialImage,
    index: partialIndex,
    requireReflink,
    sampleRuns: snapshot.sampleRuns ?? DEFAULT_SAMPLE_RUNS,
    sampleRun: sampleRunAfter(parent),
  };
  if (!parent) return options;
  const { image: parentImage, index: parentIndex }: RevisionFiles = layout.files(parent.uuid);
  // Where one revision was found to be damaged, hashes alone no longer prove what is on the disk.
  const known = isIndexed(parent)
    ? { parentImage, parentIndex, parentDigest: parent.digest }
    : { parentImage };
  return { ...options, ...known, compareBytes: !revisions.every(isGood) };
}

/** Runs `work`; when it fails, removes the unfinished revision before the failure is passed on. */
async function withoutRemains<Result>(
  context: Context,
  engine: Engine,
  source: Source,
  { uuid, parent }: SnapshotRequest,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    // The first failure is the one to report; the next backup cleans up.
    await orWarn(context, `the unfinished revision ${uuid} could not be removed`, () =>
      discardRevision(engine, context.layout, uuid),
    );
    await tidySource(context, source, parent?.uuid);
    throw error;
  }
}

/** Snapshots that stay cost space and nothing else, so a failure here fails no backup. */
async function tidySource(context: Context, source: Source, keep: string | undefined): Promise<void> {
  await orWarn(context, 'old snapshots of the source could not be removed', async () => {
    for (const name of await source.tidy(keep)) context.log('info', `removed the snapshot ${name}`);
  });
}

async function orWarn({ log }: Context, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    log('warning', `${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Nothing degrades silently. */
function report(
  { log }: Context,
  { revisions, startedAt }: RevisionPlan,
  { uuid, parent, size, stats }: RevisionRecord,
  { fallback, hintFailures }: WriteStats,
): void {
  const { method, sharing, sharingReason = 'unknown reason', bytesWritten, duration } = stats;
  log('info', `sealed ${uuid}: ${method}, ${formatSize(bytesWritten)} written in ${Math.round(duration)} s`);
  if (sharing === 'none') log('warning', `revision ${uuid} shares no blocks with others: ${sharingReason}`);
  if (fallback !== undefined) log('warning', `revision ${uuid} took longer than need be: ${fallback}`);
  if (hintFailures.length > 0) {
    log(
      'warning',
      `the source did not tell of changes in ${describeBadBlocks(hintFailures)}; all of it was read`,
    );
  }
  const before = revisions.find((record) => record.uuid === parent);
  if (before && size < before.size) {
    const [now, then] = [size, before.size].map(formatSize);
    log('warning', `the source has shrunk from ${then} to ${now}: check that ${uuid} is of the right one`);
  }
  const ahead = revisions.find((record) => takenAt(record) > startedAt.getTime());
  if (ahead)
    log('warning', `revision ${ahead.uuid} is dated after this one: check the clock of this machine`);
}
