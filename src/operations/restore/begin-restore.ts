import { isBackyError } from '../../errors.ts';
import { isIoError } from '../../io-error.ts';
import { changeRestoreMarks, type RestoreMark } from '../../repository/restore-marks.ts';
import type { EngineContext, PlainContext } from '../context.ts';
import { currentBoot, isSame, mapperOf, placesOf } from './places.ts';
import { isRbdTarget, type RestoreTarget } from './restore-target.ts';

/** A restore that is about to write. */
export interface BegunRestore {
  /** The kind of target. */
  readonly kind: 'new' | 'existing' | 'stream';
  /** Removes all marks of the target, because it is complete. */
  complete(): Promise<void>;
  /** Removes this mark only, because nothing was written. */
  undo(): Promise<void>;
}

/**
 * Marks an existing target durably before the first write. If the restore is interrupted, the mark prevents a backup of
 * the half-written disk. A new file needs no mark, because it appears only when it is complete; leftovers of earlier
 * restores to it are removed.
 *
 * @param revision its id
 */
export async function beginRestore(
  context: EngineContext,
  target: RestoreTarget,
  revision: string,
): Promise<BegunRestore> {
  if (typeof target !== 'string') return { kind: 'stream', ...NOTHING };
  const mark = await describeMark(context, target, revision);
  if (!mark) {
    for (const path of await context.engine.removePartials(target))
      context.log('info', `removed ${path}, which an interrupted restore had left`);
    return { kind: 'new', ...NOTHING };
  }
  const isMarked = await change(context, (marks) => [...marks, mark]);
  if (!isMarked) return { kind: 'existing', ...NOTHING };
  const without = (isGone: (other: RestoreMark) => boolean) => () =>
    change(context, (marks) => marks.filter((other) => !isGone(other))).then(() => undefined);
  return {
    kind: 'existing',
    complete: without((other) => isSameTarget(other, mark)),
    undo: without((other) => JSON.stringify(other) === JSON.stringify(mark)),
  };
}

const NOTHING = { complete: async () => {}, undo: async () => {} };

/** Whether two restores have the same target. */
export function isSameTarget(one: RestoreMark, other: RestoreMark): boolean {
  return one.target === other.target || isSame(one.places[0], other.places[0]);
}

/** @returns undefined when nothing is there yet */
async function describeMark(
  { clock }: PlainContext,
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

/**
 * Changes the marks. A failure is only logged, because a restore must succeed even if the repository is full or
 * read-only.
 */
async function change(
  { layout, log, engine }: EngineContext,
  work: (marks: readonly RestoreMark[]) => readonly RestoreMark[],
): Promise<boolean> {
  try {
    await changeRestoreMarks(engine, layout, work);
    return true;
  } catch (error) {
    if (!isBackyError(error, 'BACKY_IO', 'BACKY_LOCKED')) throw error;
    // On a read-only filesystem no backup runs either.
    const level = isIoError(error, 'EROFS') ? 'info' : 'warning';
    log(level, `${layout.restoring} was not changed: ${error.message}. ${error.remedy}`);
    return false;
  }
}
