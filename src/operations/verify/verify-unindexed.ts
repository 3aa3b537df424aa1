import { isGood, type RevisionRecord } from '../../domain/revision.ts';
import { isBackyError } from '../../errors.ts';
import type { Engine, OperationOptions } from '../../native/engine.ts';
import { updateLinks } from '../../repository/links.ts';
import { waitForWriterLock } from '../../repository/lock.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import type { Context } from '../context.ts';
import { indexRevision } from './index-revision.ts';
import { failedVerdict, NOTHING_BAD, recordVerdict, type Verdict } from './record-verdict.ts';

/**
 * The verdict on a revision that has nothing to be compared with: its image is read, and gets an index for the next
 * time. A distrusted one does not, or whatever is wrong with it would be found to be right then.
 *
 * @throws BACKY_CANCELLED
 */
export async function verifyUnindexed(
  context: Context,
  engine: Engine,
  record: RevisionRecord,
  operation: OperationOptions,
): Promise<Verdict> {
  const { uuid, size } = record;
  if (!isGood(record)) {
    const problem = 'it is distrusted, and there is no index to compare it with';
    return { uuid, verdict: 'unknown', size, bytesRead: 0, problem, ...NOTHING_BAD };
  }
  try {
    const indexed = await indexAsWriter(context, engine, uuid, operation);
    const problem = 'there was no index to compare it with: it has one now';
    return { uuid, verdict: 'good', size: indexed.size, bytesRead: indexed.size, problem, ...NOTHING_BAD };
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    return recordVerdict(context, engine, failedVerdict(uuid, size, error));
  }
}

function indexAsWriter(
  context: Context,
  engine: Engine,
  uuid: string,
  operation: OperationOptions,
): Promise<RevisionRecord> {
  return waitForWriterLock(engine, context.layout, operation.signal, async () => {
    const indexed = await indexRevision(context, engine, uuid, operation);
    // The last versions of the Python backy made no links.
    await updateLinks(engine, context.layout, (await readRevisions(context.layout)).revisions);
    return indexed;
  });
}
