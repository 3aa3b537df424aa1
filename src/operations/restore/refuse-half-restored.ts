import { basename, dirname } from 'node:path';
import { quoted } from '../../domain/shell-word.ts';
import { type BackyError, backyError } from '../../errors.ts';
import type { EngineContext } from '../context.ts';
import { ifReachable, newestMark } from './match-restores.ts';
import { isRbdTarget } from './restore-target.ts';
import { describeUnfinished, restoreCommand, type UnfinishedRestore } from './unfinished-restore.ts';

/**
 * Refuses a source that a restore from any repository is writing to, or has left incomplete. Its backup would mix two
 * states of the disk. Also removes marks of targets that are gone or complete.
 *
 * @param target how a restore names the source
 * @param force take a mixture, but not while it is being written
 * @returns the restore that is unfinished, if it is taken all the same
 * @throws BACKY_SOURCE_RESTORING
 */
export async function refuseHalfRestored(
  context: EngineContext,
  target: string,
  force: boolean,
): Promise<UnfinishedRestore | undefined> {
  const found = await findUnfinished(context, target);
  if (!found) return undefined;
  if (!force || found.isRunning) throw halfRestored(target, found);
  const { revision, command } = found.restore;
  context.log(
    'warning',
    `the source ${target} is taken as the unfinished restore of ${revision} has left it; "${command}" finishes that`,
  );
  return found.restore;
}

/** An unfinished restore, and whether it runs. */
export interface Finding {
  readonly isRunning: boolean;
  readonly restore: UnfinishedRestore;
}

/**
 * Finds an unfinished restore to a source, or to a part of it.
 *
 * @param target how a restore names the source
 */
export async function findUnfinished(context: EngineContext, target: string): Promise<Finding | undefined> {
  const { layout, engine } = context;
  const begun = isRbdTarget(target) ? undefined : await ifReachable(() => engine.findBegun(target));
  const mark = await newestMark(context, target);
  const known = mark && describeUnfinished(layout.directory, mark);
  if (begun?.image !== undefined) {
    const [repository, revision] = [dirname(begun.image), basename(begun.image)];
    const command = restoreCommand(repository, revision, target);
    const restore = known?.revision === revision ? known : { target, revision, command };
    return { isRunning: begun.running, restore };
  }
  if (known) return { isRunning: begun ? begun.running : known.pid !== undefined, restore: known };
  // The restore is still comparing, or its repository is read-only.
  if (!begun?.running) return undefined;
  return { isRunning: true, restore: { target, revision: 'a revision', command: '' } };
}

function halfRestored(path: string, { isRunning, restore }: Finding): BackyError {
  const { revision, startedAt, pid, command } = restore;
  if (isRunning) {
    const reason = `a restore is writing to it${pid === undefined ? '' : ` (process ${pid})`}`;
    return backyError('BACKY_SOURCE_RESTORING', { path, reason, advice: 'Back up when it has finished' });
  }
  const begun = startedAt === undefined ? '' : `, begun ${startedAt},`;
  const reason = `the restore of ${revision}${begun} did not finish`;
  const advice = `Finish it with "${command}"; "backup --force" takes it as it is, "restore --abandon ${quoted(path)}" if it was put right otherwise`;
  return backyError('BACKY_SOURCE_RESTORING', { path, reason, advice }, { details: { command, revision } });
}
