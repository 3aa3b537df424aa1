/** How a run ended. `running`: it has begun, and has not ended or was cut off. */
export type RunOutcome = 'running' | 'ok' | 'failed' | 'nothing-due' | 'cancelled';

export const RUN_OUTCOMES: readonly RunOutcome[] = ['running', 'ok', 'failed', 'nothing-due', 'cancelled'];

/** A run of `backup`. Times are ISO 8601, UTC. */
export interface Run {
  readonly started: string;
  /** Null as long as it has not ended. */
  readonly ended: string | null;
  readonly outcome: RunOutcome;
  /** A moment of the slot that it was asked for; null: it was not asked for by slot. */
  readonly slot: string | null;
  /** What it was asked for, or what was due. */
  readonly tags: readonly string[];
  /** The code of the error that ended it; null without one. */
  readonly code: string | null;
  /** What that error says, on one line; null without one. */
  readonly message: string | null;
}

/** What a repository remembers of its runs: the last one, and the failures. */
export interface RunNote extends Run {
  /** How many runs have failed since one took a revision. */
  readonly failures: number;
  /** The last run that failed, also when others went well since; null: none has. */
  readonly lastFailure: Run | null;
}

const CUT_OFF = 'it was cut off before its end, by a kill, a crash or a power cut';

/**
 * What there is to remember after a run.
 *
 * @param before what was remembered until then
 */
export function noteRun(before: RunNote | undefined, run: Run): RunNote {
  const { failures = 0, lastFailure = null } = before ?? {};
  if (run.outcome === 'failed') return { ...run, failures: failures + 1, lastFailure: run };
  return { ...run, failures: run.outcome === 'ok' ? 0 : failures, lastFailure };
}

/**
 * What there is to remember when a run begins that nobody else can be in the middle of: one that has not ended by
 * then has failed.
 */
export function noteCutOff(before: RunNote | undefined): RunNote | undefined {
  if (before?.outcome !== 'running') return before;
  const { failures: _, lastFailure: __, ...run } = before;
  return noteRun(before, { ...run, outcome: 'failed', message: CUT_OFF });
}
