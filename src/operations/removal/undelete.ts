import { loadConfig } from '../../config/load-config.ts';
import { planRetention, retainableOf } from '../../domain/retention.ts';
import type { DamagedRevision, RevisionRecord } from '../../domain/revision.ts';
import { inOrderOfTaking } from '../../domain/revision-order.ts';
import { findRevisions } from '../../domain/revision-spec.ts';
import type { Schedule } from '../../domain/schedule.ts';
import { backyError, isBackyError } from '../../errors.ts';
import { updateLinks } from '../../repository/links.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import { rewriteRecord } from '../../repository/seal-revision.ts';
import { moveFromTrash, readTrash, type TrashBatch } from '../../repository/trash.ts';
import { finishTrashMoves } from '../../repository/trash-upkeep.ts';
import { type Context, type EngineContext, withEngine } from '../context.ts';
import { requireTrust } from '../trust.ts';
import { warningOf } from './purge-all.ts';
import { whileAlone } from './removing.ts';

/** The restored revisions. */
export interface UndeleteResult {
  /** Oldest first. */
  readonly revisions: readonly RevisionRecord[];
  /** Restored revisions that are damaged. */
  readonly damaged: readonly DamagedRevision[];
}

/** The tag that protects restored revisions from expiry. */
const UNDELETED_TAG = 'manual:undeleted';

/**
 * Brings removed revisions back from the trash. Revisions that the schedule would remove again get the tag
 * `manual:undeleted`.
 *
 * @param spec which of the revisions in the trash; a damaged one by its whole id
 * @throws BACKY_UNTRUSTED, BACKY_NOT_IN_TRASH, BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_AMBIGUOUS, BACKY_CONFIG_INVALID, BACKY_LOCKED,
 *   BACKY_IO
 */
export async function undelete(context: Context, spec: string): Promise<UndeleteResult> {
  requireTrust(context);
  const { layout, log } = context;
  // An invalid configuration must fail here, before anything is moved: the tag depends on the schedule.
  const { schedule } = await loadConfig(layout.config);
  const loaded = await withEngine(context);
  const { engine } = loaded;
  return whileAlone(loaded, async () => {
    await finishTrashMoves(engine, layout, warningOf(context));
    const batches = await readTrash(layout);
    const ids = new Set(select(spec, batches));
    for (const batch of batches) {
      const wanted = idsOf(batch).filter((uuid) => ids.has(uuid));
      if (wanted.length > 0) await moveFromTrash(engine, layout, batch, wanted);
    }
    for (const uuid of ids) log('info', `${uuid} was brought back`);
    await keepFromExpiring(loaded, schedule, ids);
    const { revisions, damaged } = await readRevisions(layout);
    await updateLinks(engine, layout, revisions);
    const isBack = ({ uuid }: { readonly uuid: string }): boolean => ids.has(uuid);
    return { revisions: revisions.filter(isBack), damaged: damaged.filter(isBack) };
  });
}

function idsOf({ revisions, damaged }: TrashBatch): readonly string[] {
  return [...revisions, ...damaged].map(({ uuid }) => uuid);
}

/** Chooses the revisions. As in `forget`, only its whole id selects a damaged one. */
function select(spec: string, batches: readonly TrashBatch[]): readonly string[] {
  const damaged = batches.flatMap((batch) => batch.damaged);
  if (damaged.some(({ uuid }) => uuid === spec)) return [spec];
  const revisions = inOrderOfTaking(batches.flatMap((batch) => batch.revisions));
  try {
    return findRevisions(spec, revisions).map(({ uuid }) => uuid);
  } catch (error) {
    if (!isBackyError(error, 'BACKY_REVISION_UNKNOWN')) throw error;
    const isEmpty = revisions.length + damaged.length === 0;
    const reason = isEmpty ? 'the trash is empty' : String(error.details.reason);
    throw backyError('BACKY_NOT_IN_TRASH', { spec, reason }, { cause: error });
  }
}

async function keepFromExpiring(
  { layout, clock, log, engine }: EngineContext,
  schedule: Schedule,
  ids: ReadonlySet<string>,
): Promise<void> {
  const { revisions } = await readRevisions(layout);
  const { verdicts } = planRetention(schedule, revisions.map(retainableOf), clock().getTime());
  for (const [index, record] of revisions.entries()) {
    if (!ids.has(record.uuid) || verdicts[index]?.kept) continue;
    await rewriteRecord(engine, layout, { ...record, tags: [...record.tags, UNDELETED_TAG] });
    log('info', `${record.uuid} was given the tag ${UNDELETED_TAG}, as the schedule no longer keeps it`);
  }
}
