import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sizeLimitOf } from '../../config/size-limit-of.ts';
import { type IndexedRecord, isGood, isIndexed, type RevisionRecord } from '../../domain/revision.ts';
import { checkSizeLimit } from '../../domain/size-limit.ts';
import { isBackyError } from '../../errors.ts';
import { fromNodeError, ioError } from '../../io-error.ts';
import type { Engine, OperationOptions } from '../../native/engine.ts';
import type { Layout } from '../../repository/layout.ts';
import { withWriterLock } from '../../repository/lock.ts';
import { readRecord } from '../../repository/read-revisions.ts';
import { sealIndex } from '../../repository/seal-revision.ts';
import { announce, readUnfinished } from '../../repository/unfinished.ts';
import type { EngineContext } from '../context.ts';

/**
 * Makes the index of a revision that another tool took without one. Later verifications compare the image with its
 * present state. The caller must not pass a distrusted revision, because its damage would then count as correct, and
 * must hold the writer lock and the reader lock.
 *
 * @returns the record, which now says so
 * @throws BACKY_TOO_LARGE, BACKY_IO, BACKY_RECORD_DAMAGED, BACKY_CANCELLED
 */
export async function indexRevision(
  { layout, log, clock, engine }: EngineContext,
  uuid: string,
  operation: OperationOptions,
): Promise<IndexedRecord> {
  // Read under the lock, because another process may have changed the record.
  const record = readRecord(layout, uuid);
  if (isIndexed(record)) return record;
  const { image, index, partialIndex } = layout.files(uuid);
  checkSizeLimit(image, record.size, await sizeLimitOf(layout.config));
  log('info', `making the index of ${uuid}`);
  // The record mentions no index, so these files come from an interrupted run.
  if (readUnfinished(layout, uuid) === 'index') await discardIndex(engine, layout, uuid);
  refuseTaken(index);
  await announce(engine, layout, uuid, 'index', clock());
  try {
    const { size, digest, blockSize } = await engine.indexImage({ image, index: partialIndex }, operation);
    const indexed = { ...record, size, digest, blockSize };
    await sealIndex(engine, layout, indexed);
    return indexed;
  } catch (error) {
    // The first failure matters more. The next purge removes the files.
    await discardIndex(engine, layout, uuid).catch(() => undefined);
    throw error;
  }
}

/**
 * Discards the index of an interrupted attempt, unless the record already mentions it. Removes the unfinished record
 * last.
 */
async function discardIndex(engine: Engine, layout: Layout, uuid: string): Promise<void> {
  const { index, partialIndex, unfinished } = layout.files(uuid);
  const isSealed = isIndexed(readRecord(layout, uuid));
  await engine.removeFiles([partialIndex, ...(isSealed ? [] : [index]), unfinished]);
}

/** Refuses a foreign file under the name of the index before the whole image is read. */
function refuseTaken(index: string): void {
  if (existsSync(index)) throw ioError({ path: index, syscall: 'rename', errnoName: 'EEXIST' });
}

/** A revision with an index, and the path of that index. */
export interface Checkable {
  readonly record: IndexedRecord;
  /** Absolute path. */
  readonly index: string;
}

/**
 * Runs `work` with a revision and its index, and makes a missing index. The index is kept if the revision is trusted
 * and nobody else writes. Otherwise it is temporary and outside of the repository.
 */
export async function withIndex<Result>(
  context: EngineContext,
  record: RevisionRecord,
  operation: OperationOptions,
  work: (checkable: Checkable) => Promise<Result>,
): Promise<Result> {
  const { index } = context.layout.files(record.uuid);
  if (isIndexed(record)) return work({ record, index });
  const indexed = isGood(record) ? await tryToIndex(context, record.uuid, operation) : undefined;
  if (indexed) return work({ record: indexed, index });
  return withPassingIndex(context, record, operation, work);
}

/**
 * Makes an index that is kept. A locked, full or read-only repository is no failure, because restores must still work.
 */
async function tryToIndex(
  context: EngineContext,
  uuid: string,
  operation: OperationOptions,
): Promise<IndexedRecord | undefined> {
  try {
    return await withWriterLock(context.engine, context.layout, () =>
      indexRevision(context, uuid, operation),
    );
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    context.log('info', `the index of ${uuid} is not kept: ${error.message}`);
    return undefined;
  }
}

async function withPassingIndex<Result>(
  { layout, engine }: EngineContext,
  record: RevisionRecord,
  operation: OperationOptions,
  work: (checkable: Checkable) => Promise<Result>,
): Promise<Result> {
  const directory = await makeTemporary();
  try {
    const index = join(directory, 'index');
    const { image } = layout.files(record.uuid);
    checkSizeLimit(image, record.size, await sizeLimitOf(layout.config));
    const { size, digest, blockSize } = await engine.indexImage({ image, index }, operation);
    return await work({ record: { ...record, size, digest, blockSize }, index });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function makeTemporary(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), 'backy-'));
  } catch (error) {
    throw fromNodeError(error);
  }
}
