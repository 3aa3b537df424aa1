import { describeBadBlocks } from '../../domain/bad-blocks.ts';
import { counted } from '../../domain/counted.ts';
import { describeDoubt, doubted, suspectsOf } from '../../domain/doubt.ts';
import { isIndexed, type RevisionRecord, sharesWithSource } from '../../domain/revision.ts';
import { inOrderOfTaking } from '../../domain/revision-order.ts';
import { isBackyError } from '../../errors.ts';
import type { CompareStats, Engine, OperationOptions } from '../../native/engine.ts';
import type { Layout } from '../../repository/layout.ts';
import { readRecord } from '../../repository/read-revisions.ts';
import { rewriteRecord } from '../../repository/seal-revision.ts';
import { readTrash } from '../../repository/trash.ts';
import type { Source } from '../../sources/source.ts';
import type { EngineContext } from '../context.ts';

/**
 * Finds the revisions that may lack changes because a hint for a child of `parent` was wrong, including those in the
 * trash.
 */
export async function findSuspects(
  layout: Layout,
  parent: RevisionRecord,
  revisions: readonly RevisionRecord[],
): Promise<readonly string[]> {
  const removed = (await readTrash(layout)).flatMap((batch) => batch.revisions);
  return suspectsOf(parent, inOrderOfTaking([...revisions, ...removed]));
}

/**
 * Marks the suspects of each revision as doubtful in their records. The revision names its suspects until all are
 * marked, so the next run can finish an interrupted one. The caller holds the locks.
 *
 * @param revisions all there are
 */
export async function markSuspects(
  context: EngineContext,
  revisions: readonly RevisionRecord[],
): Promise<void> {
  for (const { uuid, suspects = [] } of revisions) {
    if (suspects.length === 0) continue;
    const { layout, log, engine } = context;
    const reason = describeDoubt(uuid);
    const here = suspects.filter((suspect) => revisions.some((record) => record.uuid === suspect));
    for (const suspect of here) await markDoubted(engine, layout, suspect, reason);
    for (const batch of await readTrash(layout))
      for (const record of batch.revisions)
        if (suspects.includes(record.uuid)) await markDoubted(engine, batch.layout, record.uuid, reason);
    const { suspects: _settled, ...finder } = readRecord(layout, uuid);
    await rewriteRecord(engine, layout, finder);
    if (here.length > 0) {
      const what = `${counted(here.length, 'revision')} may lack changes and cannot be trusted any more`;
      log('warning', `${what}: ${here.join(', ')}`);
    }
  }
}

async function markDoubted(engine: Engine, layout: Layout, uuid: string, reason: string): Promise<void> {
  const before = readRecord(layout, uuid);
  const after = doubted(before, reason);
  if (after !== before) await rewriteRecord(engine, layout, after);
}

/** A doubtful revision and its source. */
interface Doubted {
  readonly source: Source;
  /** The record before the doubt. */
  readonly record: RevisionRecord;
}

/**
 * Compares a doubtful revision with its snapshot, if that still exists. An equal revision is trusted again. If the
 * comparison fails, the doubt remains. The caller holds the locks.
 */
export async function compareWithSnapshot(
  context: EngineContext,
  { source, record }: Doubted,
  operation: OperationOptions,
): Promise<void> {
  const { layout, log, engine } = context;
  const { uuid } = record;
  try {
    const stats = await compare(context, { source, record }, operation);
    if (!stats) return log('info', `the snapshot of ${uuid} is gone, so it stays in doubt`);
    const { different, differentCount } = stats;
    if (differentCount === 0) {
      const { distrustedBecause: _reason, ...now } = readRecord(layout, uuid);
      await rewriteRecord(engine, layout, { ...now, trust: record.trust });
      return log('warning', `${uuid} equals its snapshot, and is trusted again`);
    }
    const reason = `it differs from its snapshot in ${describeBadBlocks(different, differentCount)}`;
    await rewriteRecord(engine, layout, { ...readRecord(layout, uuid), distrustedBecause: reason });
    log('warning', `${uuid} is wrong: ${reason}`);
  } catch (error) {
    if (!isBackyError(error)) throw error;
    log('warning', `${uuid} could not be compared with its snapshot, and stays in doubt: ${error.message}`);
  }
}

async function compare(
  { engine, layout }: EngineContext,
  { source, record }: Doubted,
  operation: OperationOptions,
): Promise<CompareStats | undefined> {
  if (!isIndexed(record)) return undefined;
  const { uuid, size, digest } = record;
  const { image, index } = layout.files(uuid);
  // An image that was cloned from the snapshot is still equal to it.
  const input = sharesWithSource(record) ? { path: image } : await source.reopen?.(record);
  return input && engine.compareSource({ source: input, image, index, size, digest }, operation);
}
