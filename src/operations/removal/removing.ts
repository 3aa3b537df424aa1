import type { RevisionRecord } from '../../domain/revision.ts';
import type { BackyError } from '../../errors.ts';
import { isIoError } from '../../io-error.ts';
import { findInUse } from '../../repository/in-use.ts';
import { updateLinks } from '../../repository/links.ts';
import { withRemovalLock, withWriterLock } from '../../repository/lock.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import { unseal } from '../../repository/seal-revision.ts';
import { moveImageToTrash, moveToTrash } from '../../repository/trash.ts';
import { purgeTrash } from '../../repository/trash-upkeep.ts';
import type { EngineContext } from '../context.ts';
import { warningOf } from './purge-all.ts';

/**
 * Runs `work` while no other process writes, reads or removes revisions.
 *
 * @throws BACKY_LOCKED, and what `work` throws
 */
export function whileAlone<Result>(
  { engine, layout }: EngineContext,
  work: () => Promise<Result>,
): Promise<Result> {
  return withWriterLock(engine, layout, () => withRemovalLock(engine, layout, work));
}

/**
 * Moves revisions to the trash, from where they can be brought back for `graceMs` milliseconds. The links move away
 * first, so that `last` never breaks. On a full disk even a rename may fail; then the revisions and the whole trash are
 * deleted at once. Revisions in use stay, because their users may open them again by path. The caller holds both locks.
 *
 * @param done rest of the log message for each removed revision
 * @throws BACKY_REVISION_BUSY for a revision in use, and BACKY_IO for one that cannot be moved. Both stay unchanged, and
 *   all others are removed before.
 */
export async function removeRevisions(
  context: EngineContext,
  ids: readonly string[],
  graceMs: number,
  done: string,
): Promise<void> {
  if (ids.length === 0) return;
  const inUse = await findInUse(context.engine, context.layout, ids);
  const going = ids.filter((id) => !inUse.has(id));
  const stuck = going.length === 0 ? [] : await removeThese(context, going, graceMs, done);
  const [problem, ...others] = [...inUse.values(), ...stuck];
  for (const { message, remedy } of others) context.log('warning', `${message}. ${remedy}`);
  if (problem) throw problem;
}

/** @returns the errors of revisions that cannot be moved */
async function removeThese(
  context: EngineContext,
  ids: readonly string[],
  graceMs: number,
  done: string,
): Promise<readonly BackyError[]> {
  const { layout, log, clock, engine } = context;
  const { revisions } = await readRevisions(layout);
  const without = (gone: readonly string[]) => revisions.filter(({ uuid }) => !gone.includes(uuid));
  await unlessDiskFull(() => updateLinks(engine, layout, without(ids)));
  let stuck: ReadonlyMap<string, BackyError> = new Map();
  const isInTrash = await unlessDiskFull(async () => {
    stuck = await moveToTrash(engine, layout, ids, clock());
  });
  if (!isInTrash) {
    log(
      'warning',
      'no space is left for the trash: it is emptied, and what is removed now cannot be brought back',
    );
    await removeAtOnce(context, ids);
  }
  if (!isInTrash || graceMs === 0) await purgeTrash(engine, layout, () => true, warningOf(context));
  const gone = ids.filter((uuid) => !stuck.has(uuid));
  await updateLinks(engine, layout, without(gone));
  for (const uuid of gone) log('info', `${uuid} ${done}`);
  return [...stuck.values()];
}

/**
 * Moves an image without a record to the trash, at the request of a person. It comes back as a distrusted revision. The
 * caller holds both locks.
 *
 * @throws BACKY_REVISION_BUSY, BACKY_IO
 */
export async function removeImage(
  context: EngineContext,
  record: RevisionRecord,
  graceMs: number,
): Promise<void> {
  const { layout, log, clock, engine } = context;
  const { image, index } = layout.files(record.uuid);
  const [busy] = (await findInUse(engine, layout, [record.uuid])).values();
  if (busy) throw busy;
  const isInTrash = await unlessDiskFull(() => moveImageToTrash(engine, layout, record, clock()));
  if (!isInTrash) await engine.removeFiles([index, image]);
  if (!isInTrash || graceMs === 0) await purgeTrash(engine, layout, () => true, warningOf(context));
  log('info', `${record.uuid}, which had no record, was forgotten`);
}

/** Deletes revisions for good. Deletes the record first, because a revision does not exist without it. */
async function removeAtOnce({ engine, layout }: EngineContext, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const { unfinished, index, image } = layout.files(id);
    await unseal(engine, layout, id);
    await engine.removeFiles([index, image, unfinished]);
  }
}

/** Runs `work`, and returns false if the disk is full. */
async function unlessDiskFull(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (isIoError(error, 'ENOSPC', 'EDQUOT')) return false;
    throw error;
  }
}
