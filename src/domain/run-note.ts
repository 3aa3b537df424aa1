/** The outcome of a run. `running`: it has not ended, or was interrupted. */
export type RunOutcome = 'running' | 'ok' | 'failed' | 'nothing-due' | 'cancelled';

export const RUN_OUTCOMES: readonly RunOutcome[] = ['running', 'ok', 'failed', 'nothing-due', 'cancelled'];

/** A run of `backup`. Times are ISO 8601, UTC. */
export interface Run {
  readonly started: string;
  /** Null until the run ends. */
  readonly ended: string | null;
  readonly outcome: RunOutcome;
  /** A moment of the requested slot; null if no slot was requested. */
  readonly slot: string | null;
  /** The requested tags, or the tags that were due. */
  readonly tags: readonly string[];
  /** The code of the error that ended the run, or null. */
  readonly code: string | null;
  /** The message of that error on one line, or null. */
  readonly message: string | null;
}

/** The last run of a repository, and its failures. */
export interface RunNote extends Run {
  /** Number of failed runs since the last new revision. */
  readonly failures: number;
  /** The last failed run, even if later runs succeeded; null if none failed. */
  readonly lastFailure: Run | null;
}

const CUT_OFF = 'it was cut off before its end, by a kill, a crash or a power cut';

/**
 * The note after a run.
 *
 * @param before the previous note
 */
export function noteRun(before: RunNote | undefined, run: Run): RunNote {
  const { failures = 0, lastFailure = null } = before ?? {};
  if (run.outcome === 'failed') return { ...run, failures: failures + 1, lastFailure: run };
  return { ...run, failures: run.outcome === 'ok' ? 0 : failures, lastFailure };
}

/**
 * The note when a new run begins. Only one run at a time is possible, so a run that has not ended by then has failed.
 */
export function noteCutOff(before: RunNote | undefined): RunNote | undefined {
  if (before?.outcome !== 'running') return before;
  const { failures: _, lastFailure: __, ...run } = before;
  return noteRun(before, { ...run, outcome: 'failed', message: CUT_OFF });
}
