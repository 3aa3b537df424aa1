import type { Control, Failure, Load, Progress } from '#native';
import { type BackyError, backyError } from '../errors.ts';
import { type FailureFacts, isFailure, toBackyError } from './failure.ts';
import { watchProgress } from './watch-progress.ts';

/** Limits on the load of long work. */
export interface LoadOptions {
  /** The most bytes of images and sources to read per second; a whole number, 1 or more. */
  readonly rate?: number | undefined;
  /** Whether the work runs at idle priority for disks and processors; Linux only. */
  readonly idle?: boolean | undefined;
}

/** Options for progress, cancellation and load of long work. */
export interface OperationOptions extends LoadOptions {
  /** Cancels the work, which then fails with BACKY_CANCELLED. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called five times a second while the work runs, and once at its end. `total` stays the same from the first call on,
   * and `done` never decreases. Both are in bytes.
   */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Checks a rate before the work begins. @throws BACKY_INVALID_ARGUMENT */
export function checkLoad({ rate }: LoadOptions): void {
  if (rate === undefined || (Number.isSafeInteger(rate) && rate > 0)) return;
  throw backyError('BACKY_INVALID_ARGUMENT', {
    detail: `rate is ${rate}, not a whole number of bytes per second`,
  });
}

/**
 * Runs one long call of the addon. A `Control` carries cancellation and progress. Callbacks from the engine's threads would
 * keep Node alive and could queue without bound, so this side polls.
 *
 * @throws BackyError; the error of `onProgress`, after cancelling the work
 */
export async function operate<Result extends object>(
  addon: { readonly Control: new (load: Load) => Control },
  start: (control: Control) => Promise<Result | Failure>,
  { signal, onProgress, rate, idle = false }: OperationOptions,
  facts: FailureFacts,
): Promise<Result> {
  if (signal?.aborted) throw cancelled(facts, signal);
  const control = new addon.Control(rate === undefined ? { idle } : { idle, rate });
  const cancel = (): void => control.cancel();
  const watch = onProgress && watchProgress(() => control.progress(), onProgress, cancel);
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    const outcome = await start(control);
    const hasSucceeded = !isFailure(outcome);
    watch?.finish(hasSucceeded);
    if (hasSucceeded) return outcome;
    throw outcome.code === 'BACKY_CANCELLED' && signal
      ? cancelled(facts, signal, outcome.begun)
      : toBackyError(outcome, facts);
  } finally {
    watch?.stop();
    signal?.removeEventListener('abort', cancel);
  }
}

function cancelled(
  { work = 'work', aftermath = 'it is not finished' }: FailureFacts,
  signal: AbortSignal,
  begun = false,
): BackyError {
  const more = { cause: signal.reason, details: begun ? { begun } : {} };
  return backyError('BACKY_CANCELLED', { work, aftermath }, more);
}
