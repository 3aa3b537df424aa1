import { loadConfig } from '../config/load-config.ts';
import { planRetention, retainableOf } from '../domain/retention.ts';
import { byAge, type RevisionRecord } from '../domain/revision.ts';
import { findRevisions } from '../domain/revision-spec.ts';
import { backyError, isBackyError } from '../errors.ts';
import type { Engine } from '../native/engine.ts';
import { updateLinks } from '../repository/links.ts';
import { readRevisions } from '../repository/read-revisions.ts';
import { rewriteRecord } from '../repository/seal-revision.ts';
import { moveFromTrash, readTrash } from '../repository/trash.ts';
import { settleTrash } from '../repository/trash-upkeep.ts';
import { warningOf } from './clean-up.ts';
import type { Context } from './context.ts';
import { whileAlone } from './removing.ts';

/** What was brought back. */
export interface UndeleteResult {
  /** Oldest first. */
  readonly revisions: readonly RevisionRecord[];
}

/** The tag that keeps what was brought back, where no other would. */
const UNDELETED_TAG = 'manual:undeleted';

/**
 * Brings removed revisions back from the trash. What the schedule would take away again gets the tag
 * `manual:undeleted`.
 *
 * @param spec which of the revisions in the trash
 * @throws BACKY_NOT_IN_TRASH, BACKY_REVISION_AMBIGUOUS, BACKY_LOCKED, BACKY_IO
 */
export async function undelete(context: Context, spec: string): Promise<UndeleteResult> {
  const { layout, log } = context;
  const engine = await context.engine();
  return whileAlone(engine, layout, async () => {
    await settleTrash(engine, layout, warningOf(context));
    const batches = await readTrash(layout);
    const found = find(spec, batches.flatMap(({ revisions }) => revisions).sort(byAge));
    const ids = new Set(found.map(({ uuid }) => uuid));
    for (const batch of batches) {
      const wanted = batch.revisions.map(({ uuid }) => uuid).filter((uuid) => ids.has(uuid));
      if (wanted.length > 0) await moveFromTrash(engine, layout, batch, wanted);
    }
    for (const uuid of ids) log('info', `${uuid} was brought back`);
    await keepFromExpiring(context, engine, ids);
    const { revisions } = await readRevisions(layout);
    await updateLinks(engine, layout, revisions);
    return { revisions: revisions.filter(({ uuid }) => ids.has(uuid)) };
  });
}

function find(spec: string, revisions: readonly RevisionRecord[]): readonly RevisionRecord[] {
  try {
    return findRevisions(spec, revisions);
  } catch (error) {
    if (!isBackyError(error, 'BACKY_REVISION_UNKNOWN')) throw error;
    const reason = revisions.length === 0 ? 'the trash is empty' : String(error.details.reason);
    throw backyError('BACKY_NOT_IN_TRASH', { spec, reason }, { cause: error });
  }
}

/** What was just brought back must not go with the next backup. */
async function keepFromExpiring(
  { layout, clock, log }: Context,
  engine: Engine,
  ids: ReadonlySet<string>,
): Promise<void> {
  const { schedule } = await loadConfig(layout.config);
  const { revisions } = await readRevisions(layout);
  const { verdicts } = planRetention(schedule, revisions.map(retainableOf), clock().getTime());
  for (const [index, record] of revisions.entries()) {
    if (!ids.has(record.uuid) || verdicts[index]?.kept) continue;
    await rewriteRecord(engine, layout, { ...record, tags: [...record.tags, UNDELETED_TAG] });
    log('info', `${record.uuid} was given the tag ${UNDELETED_TAG}, as the schedule no longer keeps it`);
  }
}
