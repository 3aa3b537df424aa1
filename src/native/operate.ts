import type { Control, Failure, Load, Progress } from '#native';
import { type BackyError, backyError } from '../errors.ts';
import { type FailureFacts, isFailure, toBackyError } from './failure.ts';
import { watchProgress } from './watch-progress.ts';

/** How much of the machine long work may take. */
export interface LoadOptions {
  /** Bytes of images and sources that are read in a second, at most; a whole number, 1 or more. */
  readonly rate?: number | undefined;
  /** Whether everything else on the machine goes first, at the disks and at the processors; Linux only. */
  readonly idle?: boolean | undefined;
}

/** How a caller follows, stops and slows long work. */
export interface OperationOptions extends LoadOptions {
  /** Aborting it cancels the work, which then fails with BACKY_CANCELLED. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called five times a second while the work runs, and once when it ends. `total` is the whole work from the first
   * call on, and `done` never goes back.
   */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Refuses a rate that is none before anything is done. @throws BACKY_INVALID_ARGUMENT */
export function checkLoad({ rate }: LoadOptions): void {
  if (rate === undefined || (Number.isSafeInteger(rate) && rate > 0)) return;
  throw backyError('BACKY_INVALID_ARGUMENT', {
    detail: `rate is ${rate}, not a whole number of bytes in a second`,
  });
}

/**
 * Runs one long call of the addon. Cancelling and progress go through a `Control` that is asked and told from here:
 * a callback from the engine's threads would keep Node alive and queue without bound.
 *
 * @throws BackyError; whatever `onProgress` throws, after cancelling the work
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
