import { randomBytes } from 'node:crypto';
import { nameOfSource } from '../../config/source-name.ts';
import { describeBadBlocks } from '../../domain/bad-blocks.ts';
import { isDamagedOnDisk } from '../../domain/doubt.ts';
import {
  isIndexed,
  newestGood,
  type RevisionRecord,
  sharesWithSource,
  takenAt,
} from '../../domain/revision.ts';
import { newRevisionId } from '../../domain/revision-id.ts';
import { formatSize } from '../../domain/size.ts';
import { checkSizeLimit } from '../../domain/size-limit.ts';
import { isBackyError } from '../../errors.ts';
import type { Engine, OperationOptions, WriteOptions, WriteStats } from '../../native/engine.ts';
import type { Layout, RevisionFiles } from '../../repository/layout.ts';
import { updateLinks } from '../../repository/links.ts';
import { nextIdTime } from '../../repository/next-id-time.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import { discardRevision, sealRevision } from '../../repository/seal-revision.ts';
import { announce } from '../../repository/unfinished.ts';
import { foreignFormat, formatWarning } from '../../sources/image-format.ts';
import { DEFAULT_SAMPLE_RUNS, type Snapshot, type SnapshotRequest } from '../../sources/source.ts';
import type { EngineContext, PlainContext } from '../context.ts';
import { indexRevision } from '../verify/index-revision.ts';
import { wholeProgress } from '../whole-progress.ts';
import { describeRevision, reasonForNoParent, sampleRunAfter } from './describe-revision.ts';
import { type Retiring, retiring } from './retiring.ts';
import type { RevisionPlan } from './revision-plan.ts';
import { reasonToDropSnapshot } from './snapshot-keeping.ts';

/**
 * Writes, checks and seals a revision, and points the links to it. The caller holds the locks.
 *
 * @throws what `backup` throws; nothing of the revision is left then
 */
export async function takeRevision(
  context: EngineContext,
  plan: RevisionPlan,
  operation: OperationOptions,
): Promise<RevisionRecord> {
  const newest = newestGood(plan.revisions);
  const { indexing, writing } = piecesOf(operation, newest);
  const parent = await indexedParent(context, newest, indexing);
  const request = await requestOf(context, plan, parent, operation.signal);
  const snapshots = retiring(context, plan.source);
  await snapshots.retire(parent?.uuid);
  const { record, stats } = await discardingOnFailure(context, snapshots, request, () =>
    writeRevision(context, plan, { request, snapshots, writing }),
  );
  report(context, plan, record, stats);
  // This needs the snapshot of the parent, which is retired next.
  if (record.suspects) await doubtRevisions(context, plan, record, { ...operation, onProgress: undefined });
  await snapshots.retire(record.stats.snapshotDropped === undefined ? record.uuid : undefined);
  snapshots.report();
  const isInDoubt = record.suspects !== undefined;
  const { revisions } = isInDoubt ? await readRevisions(context.layout) : plan;
  await updateLinks(context.engine, context.layout, isInDoubt ? revisions : [...revisions, record]);
  return record;
}

/** Chooses the id and the paths of the new revision. */
async function requestOf(
  { layout }: PlainContext,
  { revisions, startedAt }: RevisionPlan,
  parent: RevisionRecord | undefined,
  signal: AbortSignal | undefined,
): Promise<SnapshotRequest> {
  const uuid = newRevisionId(await nextIdTime(layout, revisions, startedAt), randomBytes(10));
  const image = layout.files(uuid).partialImage;
  return { uuid, parent, image, parentImage: snapshotImage(layout, parent), signal };
}

/** Takes the snapshot, writes the image and the index, and seals them. */
async function writeRevision(
  context: EngineContext,
  plan: RevisionPlan,
  {
    request,
    snapshots,
    writing,
  }: {
    readonly request: SnapshotRequest;
    readonly snapshots: Retiring;
    readonly writing: OperationOptions;
  },
): Promise<{ readonly record: RevisionRecord; readonly stats: WriteStats }> {
  const { layout, log, clock, engine } = context;
  const { uuid, image } = request;
  await announce(engine, layout, uuid, 'revision', plan.startedAt);
  const snapshot = await plan.source.snapshot(request);
  snapshots.report();
  checkSizeLimit(snapshot.name, snapshot.size, plan.sizeLimit);
  log('info', `backing up ${snapshot.name} as ${uuid} for ${plan.tags.join(', ')}`);
  const options = writeOptions(layout, plan, snapshot, request);
  const stats = await checkingAfterwards(snapshot, () => engine.writeImage(options, writing));
  const snapshotDropped = await reasonToDropSnapshot(context, plan.source, request, stats);
  const format = await formatOf(engine, plan, snapshot, image);
  const written = { ...stats, snapshotDropped, format, finishedAt: clock() };
  const described = describeRevision(plan, snapshot, request, written);
  const record = stats.hintFailures.length > 0 ? await nameSuspects(context, plan, described) : described;
  await sealRevision(engine, layout, record);
  return { record, stats };
}

/** Adds the suspects to the record of the revision that proved a hint wrong. They are in doubt from its commit on. */
async function nameSuspects(
  { layout }: PlainContext,
  { revisions }: RevisionPlan,
  record: RevisionRecord,
): Promise<RevisionRecord> {
  const parent = revisions.find(({ uuid }) => uuid === record.parent);
  if (!parent) return record;
  const { findSuspects } = await import('./doubt-revisions.ts');
  const suspects = await findSuspects(layout, parent, revisions);
  return suspects.length > 0 ? { ...record, suspects } : record;
}

/** Marks revisions as doubtful that rest on wrong hints. */
async function doubtRevisions(
  context: EngineContext,
  { source, revisions }: RevisionPlan,
  record: RevisionRecord,
  operation: OperationOptions,
): Promise<void> {
  // Loaded late, because wrong hints are rare.
  const { compareWithSnapshot, markSuspects } = await import('./doubt-revisions.ts');
  try {
    await markSuspects(context, [...revisions, record]);
  } catch (error) {
    if (!isBackyError(error)) throw error;
    context.log('warning', `the next backup writes down what is in doubt: ${error.message}`);
  }
  const parent = revisions.find(({ uuid }) => uuid === record.parent);
  if (!parent || !record.suspects?.includes(parent.uuid)) return;
  await compareWithSnapshot(context, { source, record: parent }, operation);
}

/** Detects the format of the image, for all kinds of sources. @throws BACKY_SOURCE_FORMAT */
async function formatOf(
  engine: Engine,
  { config }: RevisionPlan,
  { name }: Snapshot,
  image: string,
): Promise<string | undefined> {
  return foreignFormat(name, await engine.describeSource(image), config);
}

/** Codes of failures that may be caused by a lost snapshot. */
const MAY_BE_LOSS = [
  'BACKY_IO',
  'BACKY_SOURCE_SHORT',
  'BACKY_SOURCE_DIFFERS',
  'BACKY_SOURCE_RESIZED',
  'BACKY_PROGRAM_FAILED',
  'BACKY_DIFF_DAMAGED',
] as const;

/** Splits the progress if the parent needs an index first, which is about half of the work. */
function piecesOf(
  operation: OperationOptions,
  parent: RevisionRecord | undefined,
): { readonly indexing: OperationOptions; readonly writing: OperationOptions } {
  const { onProgress } = operation;
  if (!onProgress || !parent || isIndexed(parent)) return { indexing: operation, writing: operation };
  const [indexing, writing] = wholeProgress(onProgress, [parent.size, parent.size]);
  return { indexing: { ...operation, onProgress: indexing }, writing: { ...operation, onProgress: writing } };
}

/** Makes the index of the parent if it has none. A full comparison would take as long. */
async function indexedParent(
  context: EngineContext,
  parent: RevisionRecord | undefined,
  operation: OperationOptions,
): Promise<RevisionRecord | undefined> {
  if (!parent || isIndexed(parent)) return parent;
  try {
    return await indexRevision(context, parent.uuid, operation);
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    context.log('warning', `the parent ${parent.uuid} has no index: ${error.message}`);
    return parent;
  }
}

/** Runs `read` and checks the snapshot afterwards, because a lost snapshot is a clearer reason than a failed read. */
async function checkingAfterwards<Result>(snapshot: Snapshot, read: () => Promise<Result>): Promise<Result> {
  try {
    const result = await read();
    await snapshot.check?.();
    return result;
  } catch (error) {
    if (!isBackyError(error, ...MAY_BE_LOSS)) throw error;
    await snapshot.check?.();
    throw error;
  }
}

/** Returns the image of the parent if it was cloned from the snapshot of the source. */
function snapshotImage(layout: Layout, parent: RevisionRecord | undefined): string | undefined {
  return parent && sharesWithSource(parent) ? layout.files(parent.uuid).image : undefined;
}

function writeOptions(
  layout: Layout,
  { revisions, requireReflink }: RevisionPlan,
  snapshot: Snapshot,
  { uuid, parent }: SnapshotRequest,
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
  // After one revision was found damaged, hashes no longer prove the bytes on the disk.
  const known = isIndexed(parent)
    ? { parentImage, parentIndex, parentDigest: parent.digest }
    : { parentImage };
  return { ...options, ...known, compareBytes: revisions.some(isDamagedOnDisk) };
}

/** Runs `work`. If it fails, discards the unfinished revision, then passes the failure on. */
async function discardingOnFailure<Result>(
  { layout, log, engine }: EngineContext,
  snapshots: Retiring,
  { uuid, parent }: SnapshotRequest,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (failure) {
    // The first failure matters more. The next backup purges the rest.
    try {
      await discardRevision(engine, layout, uuid);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log('warning', `the unfinished revision ${uuid} could not be removed: ${reason}`);
    }
    await snapshots.retire(parent?.uuid);
    snapshots.report(failure);
    throw failure;
  }
}

/** Logs the result, and warns of everything that made it worse than it could be. */
function report(
  { log }: PlainContext,
  plan: RevisionPlan,
  { uuid, parent, size, source, stats }: RevisionRecord,
  { fallback, hintFailures }: WriteStats,
): void {
  const { revisions, startedAt } = plan;
  const { method, sharing, sharingReason = 'unknown reason', bytesWritten, duration } = stats;
  log('info', `sealed ${uuid}: ${method}, ${formatSize(bytesWritten)} written in ${Math.round(duration)} s`);
  if (source.format !== undefined) log('warning', formatWarning(nameOfSource(plan.config), source.format));
  const unshared = sharing === 'none' ? sharingReason : parent === null ? reasonForNoParent(plan) : undefined;
  if (unshared !== undefined) log('warning', `revision ${uuid} shares no blocks with others: ${unshared}`);
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
