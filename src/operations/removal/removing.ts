import type { RevisionRecord } from '../../domain/revision.ts';
import type { BackyError } from '../../errors.ts';
import { isIoError } from '../../io-error.ts';
import type { Engine } from '../../native/engine.ts';
import { findInUse } from '../../repository/in-use.ts';
import type { Layout } from '../../repository/layout.ts';
import { updateLinks } from '../../repository/links.ts';
import { withRemovalLock, withWriterLock } from '../../repository/lock.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import { unseal } from '../../repository/seal-revision.ts';
import { moveImageToTrash, moveToTrash } from '../../repository/trash.ts';
import { purgeTrash } from '../../repository/trash-upkeep.ts';
import type { Context } from '../context.ts';
import { warningOf } from './purge-all.ts';

/**
 * Runs `work` while nobody else writes, reads or removes a revision.
 *
 * @throws BACKY_LOCKED, and what `work` throws
 */
export function whileAlone<Result>(
  engine: Engine,
  layout: Layout,
  work: () => Promise<Result>,
): Promise<Result> {
  return withWriterLock(engine, layout, () => withRemovalLock(engine, layout, work));
}

/**
 * Removes revisions: into the trash, from where they can be brought back for `graceMs` milliseconds. The links move
 * away from them first, so that `last` never leads nowhere. On a full disk, where even a rename may fail, they are
 * removed at once together with all that is in the trash. What is in use stays: whoever opens it by its path again must
 * find it. The caller holds both locks.
 *
 * @param done what the log says of each one that is gone
 * @throws BACKY_REVISION_BUSY for a revision in use, BACKY_IO also for one that cannot be moved, when all others are gone;
 *   it is as it was
 */
export async function removeRevisions(
  context: Context,
  engine: Engine,
  ids: readonly string[],
  graceMs: number,
  done: string,
): Promise<void> {
  if (ids.length === 0) return;
  const inUse = await findInUse(engine, context.layout, ids);
  const going = ids.filter((id) => !inUse.has(id));
  const stuck = going.length === 0 ? [] : await removeThese(context, engine, going, graceMs, done);
  const [problem, ...others] = [...inUse.values(), ...stuck];
  for (const { message, remedy } of others) context.log('warning', `${message}. ${remedy}`);
  if (problem) throw problem;
}

/** @returns why some of them cannot be moved */
async function removeThese(
  context: Context,
  engine: Engine,
  ids: readonly string[],
  graceMs: number,
  done: string,
): Promise<readonly BackyError[]> {
  const { layout, log, clock } = context;
  const { revisions } = await readRevisions(layout);
  const without = (gone: readonly string[]) => revisions.filter(({ uuid }) => !gone.includes(uuid));
  await ignoringFullDisk(() => updateLinks(engine, layout, without(ids)));
  let stuck: ReadonlyMap<string, BackyError> = new Map();
  const isInTrash = await ignoringFullDisk(async () => {
    stuck = await moveToTrash(engine, layout, ids, clock());
  });
  if (!isInTrash) {
    log(
      'warning',
      'no space is left for the trash: it is emptied, and what is removed now cannot be brought back',
    );
    await removeAtOnce(engine, layout, ids);
  }
  if (!isInTrash || graceMs === 0) await purgeTrash(engine, layout, () => true, warningOf(context));
  const gone = ids.filter((uuid) => !stuck.has(uuid));
  await updateLinks(engine, layout, without(gone));
  for (const uuid of gone) log('info', `${uuid} ${done}`);
  return [...stuck.values()];
}

/**
 * Removes an image that has no record, because a person said so: into the trash, from where it comes back as a revision
 * that is distrusted. The caller holds both locks.
 *
 * @throws BACKY_REVISION_BUSY, BACKY_IO
 */
export async function removeImage(
  context: Context,
  engine: Engine,
  record: RevisionRecord,
  graceMs: number,
): Promise<void> {
  const { layout, log, clock } = context;
  const { image, index } = layout.files(record.uuid);
  const [busy] = (await findInUse(engine, layout, [record.uuid])).values();
  if (busy) throw busy;
  const isInTrash = await ignoringFullDisk(() => moveImageToTrash(engine, layout, record, clock()));
  if (!isInTrash) await engine.removeFiles([index, image]);
  if (!isInTrash || graceMs === 0) await purgeTrash(engine, layout, () => true, warningOf(context));
  log('info', `${record.uuid}, which had no record, was forgotten`);
}

/** Records first: without one a revision does not exist, whatever happens next. */
async function removeAtOnce(engine: Engine, layout: Layout, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const { unfinished, index, image } = layout.files(id);
    await unseal(engine, layout, id);
    await engine.removeFiles([index, image, unfinished]);
  }
}

/** Whether `work` could be done. */
async function ignoringFullDisk(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (isIoError(error, 'ENOSPC', 'EDQUOT')) return false;
    throw error;
  }
}
