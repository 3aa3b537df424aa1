import { noteCutOff, noteRun, type Run, type RunNote } from '../../domain/run-note.ts';
import { isBackyError } from '../../errors.ts';
import { fromNodeError, isNodeError } from '../../io-error.ts';
import { readLastRun, writeLastRun } from '../../repository/last-run.ts';
import type { Context } from '../context.ts';

/** Receives the tags of a run, once the run holds the writer lock. */
export type OnBegin = (tags: readonly string[]) => void;

/** Characters. Limits the size of the note, because messages contain names. */
const LONGEST_MESSAGE = 1000;

/**
 * Runs a backup, and notes its start and its outcome in the repository. A note that cannot be written causes a warning,
 * and the backup goes on.
 */
export async function notingRun<Result>(
  context: Context,
  {
    tags: wanted = [],
    slot,
  }: { readonly tags?: readonly string[] | undefined; readonly slot?: Date | undefined },
  work: (begin: OnBegin) => Promise<Result | undefined>,
): Promise<Result | undefined> {
  const started = context.clock().toISOString();
  let tags = wanted;
  const note = ({ outcome, code = null, message = null }: Ending): void => {
    const ended = outcome === 'running' ? null : context.clock().toISOString();
    const run = { started, ended, outcome, slot: slot?.toISOString() ?? null, tags, code, message };
    update(context, (before) => noteRun(before, run));
  };
  try {
    const result = await work((chosen) => {
      tags = chosen;
      update(context, noteCutOff);
      if (chosen.length > 0) note({ outcome: 'running' });
    });
    note({ outcome: result === undefined ? 'nothing-due' : 'ok' });
    return result;
  } catch (error) {
    note(endingOf(error));
    throw error;
  }
}

type Ending = Pick<Run, 'outcome'> & Partial<Pick<Run, 'code' | 'message'>>;

function endingOf(thrown: unknown): Ending {
  const error = fromNodeError(thrown);
  const text = error instanceof Error ? error.message : String(error);
  const message = text.replace(/\s+/g, ' ').slice(0, LONGEST_MESSAGE);
  if (!isBackyError(error)) return { outcome: 'failed', code: 'BACKY_PANIC', message };
  return { outcome: error.code === 'BACKY_CANCELLED' ? 'cancelled' : 'failed', code: error.code, message };
}

function update(
  { layout, log }: Context,
  change: (before: RunNote | undefined) => RunNote | undefined,
): void {
  try {
    const before = readLastRun(layout);
    const after = change(before);
    if (after && after !== before) writeLastRun(layout, after);
  } catch (error) {
    // A read-only filesystem is no news to anybody.
    if (isNodeError(error, 'EROFS')) return;
    log('warning', `the run could not be noted in ${layout.lastRun}: ${describe(error)}`);
  }
}

function describe(error: unknown): string {
  const known = fromNodeError(error);
  return known instanceof Error ? known.message : String(known);
}
