import { isBackyError } from '../../errors.ts';
import { isIoError } from '../../io-error.ts';
import type { Engine } from '../../native/engine.ts';
import { changeRestoreMarks, type RestoreMark } from '../../repository/restore-marks.ts';
import type { Context } from '../context.ts';
import { currentBoot, isSame, mapperOf, placesOf } from './places.ts';
import { isRbdTarget, type RestoreTarget } from './restore-target.ts';

/** A restore that is about to write. */
export interface BegunRestore {
  /** The kind of target. */
  readonly kind: 'new' | 'existing' | 'stream';
  /** The target is complete: no restore onto it is unfinished any more. */
  complete(): Promise<void>;
  /** Nothing was written. */
  undo(): Promise<void>;
}

/**
 * Notes durably that a restore onto something that is there begins, because a backup must not take the mixture for the
 * disk when it is cut off. Of a new file nothing is seen until it is complete; there what an earlier restore has left is
 * removed.
 *
 * @param revision its id
 */
export async function beginRestore(
  context: Context,
  engine: Engine,
  target: RestoreTarget,
  revision: string,
): Promise<BegunRestore> {
  if (typeof target !== 'string') return { kind: 'stream', ...NOTHING };
  const mark = await describeMark(context, target, revision);
  if (!mark) {
    for (const path of await engine.removePartials(target))
      context.log('info', `removed ${path}, which an interrupted restore had left`);
    return { kind: 'new', ...NOTHING };
  }
  const isMarked = await change(context, engine, (marks) => [...marks, mark]);
  if (!isMarked) return { kind: 'existing', ...NOTHING };
  const without = (isGone: (other: RestoreMark) => boolean) => () =>
    change(context, engine, (marks) => marks.filter((other) => !isGone(other))).then(() => undefined);
  return {
    kind: 'existing',
    complete: without((other) => isSameTarget(other, mark)),
    undo: without((other) => JSON.stringify(other) === JSON.stringify(mark)),
  };
}

const NOTHING = { complete: async () => {}, undo: async () => {} };

/** Whether two restores write to the same. */
export function isSameTarget(one: RestoreMark, other: RestoreMark): boolean {
  return one.target === other.target || isSame(one.places[0], other.places[0]);
}

/** @returns undefined when nothing is there yet */
async function describeMark(
  { clock }: Context,
  target: string,
  revision: string,
): Promise<RestoreMark | undefined> {
  const places = isRbdTarget(target) ? [] : await placesOf(target);
  if (places.length === 0 && !isRbdTarget(target)) return undefined;
  const [mapper, boot] = [await mapperOf(places[0]), await currentBoot()];
  return {
    target,
    places,
    ...(mapper === undefined ? {} : { mapper }),
    revision,
    startedAt: clock().toISOString(),
    pid: process.pid,
    ...(boot === undefined ? {} : { boot }),
  };
}

/** A restore is not to fail for want of a mark: it may be the last hope of somebody whose disk is full. */
async function change(
  { layout, log }: Context,
  engine: Engine,
  work: (marks: readonly RestoreMark[]) => readonly RestoreMark[],
): Promise<boolean> {
  try {
    await changeRestoreMarks(engine, layout, work);
    return true;
  } catch (error) {
    if (!isBackyError(error, 'BACKY_IO', 'BACKY_LOCKED')) throw error;
    // There no backup runs either.
    const level = isIoError(error, 'EROFS') ? 'info' : 'warning';
    log(level, `${layout.restoring} was not changed: ${error.message}. ${error.remedy}`);
    return false;
  }
}
