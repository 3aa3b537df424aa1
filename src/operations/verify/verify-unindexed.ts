import { isGood, type RevisionRecord } from '../../domain/revision.ts';
import { isBackyError } from '../../errors.ts';
import type { OperationOptions } from '../../native/engine.ts';
import { updateLinks } from '../../repository/links.ts';
import { waitForWriterLock } from '../../repository/lock.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import type { EngineContext } from '../context.ts';
import { indexRevision } from './index-revision.ts';
import { failedVerdict, NOTHING_BAD, recordVerdict, type Verdict } from './record-verdict.ts';

/**
 * Checks a revision without an index: reads its image and makes an index for the next verification. A distrusted
 * revision gets none, because its damage would then count as correct.
 *
 * @throws BACKY_CANCELLED
 */
export async function verifyUnindexed(
  context: EngineContext,
  record: RevisionRecord,
  operation: OperationOptions,
): Promise<Verdict> {
  const { uuid, size } = record;
  if (!isGood(record)) {
    const problem = 'it is distrusted, and there is no index to compare it with';
    return { uuid, verdict: 'unknown', size, bytesRead: 0, problem, ...NOTHING_BAD };
  }
  try {
    const indexed = await indexAsWriter(context, uuid, operation);
    const problem = 'there was no index to compare it with: it has one now';
    return { uuid, verdict: 'good', size: indexed.size, bytesRead: indexed.size, problem, ...NOTHING_BAD };
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    return recordVerdict(context, failedVerdict(uuid, size, error));
  }
}

function indexAsWriter(
  context: EngineContext,
  uuid: string,
  operation: OperationOptions,
): Promise<RevisionRecord> {
  return waitForWriterLock(context.engine, context.layout, operation.signal, async () => {
    const indexed = await indexRevision(context, uuid, operation);
    // The last versions of the Python backy did not make links.
    await updateLinks(context.engine, context.layout, (await readRevisions(context.layout)).revisions);
    return indexed;
  });
}
