import { resolve } from 'node:path';
import { backyError } from '../../errors.ts';
import { changeRestoreMarks, readRestoreMarks } from '../../repository/restore-marks.ts';
import { type Context, withEngine } from '../context.ts';
import { requireTrust } from '../trust.ts';
import { ifReachable, matcher } from './match-restores.ts';
import { findUnfinished } from './refuse-half-restored.ts';
import { isRbdTarget } from './restore-target.ts';

/** The outcome for the target. */
export interface AbandonResult {
  /** Whether a restore onto the target was unfinished. */
  readonly unfinished: boolean;
}

/**
 * Removes the marks of unfinished restores to a target that a person has repaired by other means.
 *
 * @throws BACKY_UNTRUSTED, BACKY_TARGET_BUSY while a restore is writing to it, BACKY_IO, BACKY_LOCKED
 */
export async function abandonRestore(context: Context, target: string): Promise<AbandonResult> {
  requireTrust(context);
  const loaded = await withEngine(context);
  const { engine } = loaded;
  const path = isRbdTarget(target) ? target : resolve(target);
  const found = await findUnfinished(loaded, path);
  if (!found) return { unfinished: false };
  if (found.isRunning) {
    const holders = 'a restore is writing to it';
    throw backyError('BACKY_TARGET_BUSY', { path, holders, advice: 'Stop that first' });
  }
  const isMatch = await matcher(path);
  const abandoned: string[] = [];
  for (const mark of readRestoreMarks(context.layout).marks)
    if (await isMatch(mark)) abandoned.push(JSON.stringify(mark));
  await changeRestoreMarks(engine, context.layout, (marks) =>
    marks.filter((mark) => !abandoned.includes(JSON.stringify(mark))),
  );
  if (!isRbdTarget(path)) await ifReachable(() => engine.forgetBegun(path));
  context.log('info', `the unfinished restore of ${found.restore.revision} to ${path} is abandoned`);
  return { unfinished: true };
}
