import { isBackyError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';
import { changeRestoreMarks, type RestoreMark, readRestoreMarks } from '../../repository/restore-marks.ts';
import type { EngineContext } from '../context.ts';
import { currentBoot, mayBeSameFile, overlap, placesOf } from './places.ts';
import { isRbdTarget } from './restore-target.ts';
import { isAlive } from './unfinished-restore.ts';

/**
 * Finds the newest mark of a source, or of a part of it. Removes marks of targets that are gone or complete.
 *
 * @param target how a restore names the source
 */
export async function newestMark(context: EngineContext, target: string): Promise<RestoreMark | undefined> {
  const { layout, log, engine } = context;
  const { marks, problem } = readRestoreMarks(layout);
  if (problem !== undefined) log('warning', `${problem}; unfinished restores are not known`);
  if (marks.length === 0) return undefined;
  const matching = await matcher(target);
  let newest: RestoreMark | undefined;
  for (const mark of marks) {
    const isSource = await matching(mark);
    const reason = await reasonToForget(engine, mark, isSource);
    if (reason === undefined) {
      if (isSource) newest = mark;
      continue;
    }
    const text = JSON.stringify(mark);
    await changeRestoreMarks(engine, layout, (now) => now.filter((each) => JSON.stringify(each) !== text));
    log('info', `the unfinished restore of ${mark.revision} to ${mark.target} is forgotten: ${reason}`);
  }
  return newest;
}

/** Returns a test whether a mark is for a source, or for a part of it. */
export async function matcher(target: string): Promise<(mark: RestoreMark) => Promise<boolean>> {
  const source = isRbdTarget(target) ? [] : await placesOf(target);
  const boot = await currentBoot();
  return async (mark) => {
    if (mark.target === target || mark.mapper === target) return !(await isReplaced(mark));
    if (mark.boot === boot && overlap(mark.places, source)) return true;
    if (isRbdTarget(mark.target) || source.length === 0) return false;
    return overlap(await placesOf(mark.target), source) && !(await isReplaced(mark));
  };
}

/** Whether another file has replaced the target. */
async function isReplaced({ target, places: [then] }: RestoreMark): Promise<boolean> {
  if (then?.inode === undefined) return false;
  const [now] = await placesOf(target);
  return now !== undefined && !mayBeSameFile(then, now);
}

/** Returns the reason why a restore no longer needs to be finished. */
async function reasonToForget(
  engine: Engine,
  mark: RestoreMark,
  isSource: boolean,
): Promise<string | undefined> {
  const { target, pid, places } = mark;
  if (isRbdTarget(target) || isAlive(pid)) return undefined;
  const [now] = await placesOf(target);
  // A missing source may be back for the next backup.
  if (!now) return isSource ? undefined : 'its target does not exist any more';
  if (await isReplaced(mark)) return isSource ? undefined : 'another file has the name of its target';
  if (places[0]?.inode === undefined) return undefined;
  const begun = await ifReachable(() => engine.findBegun(target));
  const isOver = begun?.marks && begun.image === undefined && !begun.running;
  return isOver ? 'its target is complete, or was never written to' : undefined;
}

/** Runs `work` on a target, and returns undefined if the target is unreachable. The source reports that itself. */
export async function ifReachable<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isBackyError(error, 'BACKY_IO', 'BACKY_SOURCE_KIND')) return undefined;
    throw error;
  }
}
