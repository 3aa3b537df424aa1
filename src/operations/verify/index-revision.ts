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
import type { Context } from '../context.ts';

/**
 * Makes the index of a revision that has none, because another tool took it: what its image holds now is what it will
 * be compared with from then on. Not for one that is distrusted, as this would make its damage the measure of all things.
 * The caller holds the lock of writers, and keeps files from being removed.
 *
 * @returns the record, which now says so
 * @throws BACKY_TOO_LARGE, BACKY_IO, BACKY_RECORD_DAMAGED, BACKY_CANCELLED
 */
export async function indexRevision(
  { layout, log, clock }: Context,
  engine: Engine,
  uuid: string,
  operation: OperationOptions,
): Promise<IndexedRecord> {
  // Read under the lock: someone may have written it meanwhile.
  const record = readRecord(layout, uuid);
  if (isIndexed(record)) return record;
  const { image, index, partialIndex } = layout.files(uuid);
  checkSizeLimit(image, record.size, await sizeLimitOf(layout.config));
  log('info', `making the index of ${uuid}`);
  // The record knows of no index, so what lies there beside an unfinished one was left by a run that was interrupted.
  if (readUnfinished(layout, uuid) === 'index') await discardIndex(engine, layout, uuid);
  refuseTaken(index);
  await announce(engine, layout, uuid, 'index', clock());
  try {
    const { size, digest, blockSize } = await engine.indexImage({ image, index: partialIndex }, operation);
    const indexed = { ...record, size, digest, blockSize };
    await sealIndex(engine, layout, indexed);
    return indexed;
  } catch (error) {
    // The first failure is the one to report; the next purge cleans up.
    await discardIndex(engine, layout, uuid).catch(() => undefined);
    throw error;
  }
}

/** Removes what was made of an index, unless the record knows of it by now. The unfinished record goes last. */
async function discardIndex(engine: Engine, layout: Layout, uuid: string): Promise<void> {
  const { index, partialIndex, unfinished } = layout.files(uuid);
  const isSealed = isIndexed(readRecord(layout, uuid));
  await engine.removeFiles([partialIndex, ...(isSealed ? [] : [index]), unfinished]);
}

/** Nothing proves that it is ours; and to read the whole image first would be in vain. */
function refuseTaken(index: string): void {
  if (existsSync(index)) throw ioError({ path: index, syscall: 'rename', errnoName: 'EEXIST' });
}

/** A revision that can be checked, and where its index is. */
export interface Checkable {
  readonly record: IndexedRecord;
  /** Absolute path. */
  readonly index: string;
}

/**
 * Runs `work` with a revision and its index. One that has none gets it here, for good if it is trusted and nobody
 * else writes; otherwise for as long as `work` takes, outside of the repository.
 */
export async function withIndex<Result>(
  context: Context,
  engine: Engine,
  record: RevisionRecord,
  operation: OperationOptions,
  work: (checkable: Checkable) => Promise<Result>,
): Promise<Result> {
  const { index } = context.layout.files(record.uuid);
  if (isIndexed(record)) return work({ record, index });
  const indexed = isGood(record) ? await tryToIndex(context, engine, record.uuid, operation) : undefined;
  if (indexed) return work({ record: indexed, index });
  return withPassingIndex(context, engine, record, operation, work);
}

/** A restore must not fail because the repository cannot be written: another one writes, it is full, or read-only. */
async function tryToIndex(
  context: Context,
  engine: Engine,
  uuid: string,
  operation: OperationOptions,
): Promise<IndexedRecord | undefined> {
  try {
    return await withWriterLock(engine, context.layout, () =>
      indexRevision(context, engine, uuid, operation),
    );
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    context.log('info', `the index of ${uuid} is not kept: ${error.message}`);
    return undefined;
  }
}

async function withPassingIndex<Result>(
  { layout }: Context,
  engine: Engine,
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
