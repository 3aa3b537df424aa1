import type { Control, Failure, Progress } from '#native';
import { type BackyError, backyError } from '../errors.ts';
import { type FailureFacts, isFailure, toBackyError } from './failure.ts';

/** How a caller follows and stops long work. */
export interface OperationOptions {
  /** Aborting it cancels the work, which then fails with BACKY_CANCELLED. */
  readonly signal?: AbortSignal | undefined;
  /** Called five times a second while the work runs, and once when it ends. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

const PROGRESS_INTERVAL_MS = 200;

/**
 * Runs one long call of the addon. Cancelling and progress go through a `Control` that is asked and told from here:
 * a callback from the engine's threads would keep Node alive and queue without bound.
 *
 * @throws BackyError; whatever `onProgress` throws, after cancelling the work
 */
export async function operate<Result extends object>(
  addon: { readonly Control: new () => Control },
  start: (control: Control) => Promise<Result | Failure>,
  { signal, onProgress }: OperationOptions,
  facts: FailureFacts,
): Promise<Result> {
  if (signal?.aborted) throw cancelled(facts, signal);
  const control = new addon.Control();
  const cancel = (): void => control.cancel();
  const watch = onProgress && watchProgress(control, onProgress);
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    const outcome = await start(control);
    watch?.finish();
    if (!isFailure(outcome)) return outcome;
    throw outcome.code === 'BACKY_CANCELLED' && signal
      ? cancelled(facts, signal)
      : toBackyError(outcome, facts);
  } finally {
    watch?.stop();
    signal?.removeEventListener('abort', cancel);
  }
}

/** An observer that throws inside a timer would end the process, so its error waits for the work to end. */
function watchProgress(control: Control, onProgress: (progress: Progress) => void) {
  let thrown: { readonly error: unknown } | undefined;
  const report = (): void => {
    if (thrown) return;
    try {
      onProgress(control.progress());
    } catch (error) {
      thrown = { error };
      control.cancel();
    }
  };
  const timer = setInterval(report, PROGRESS_INTERVAL_MS);
  return {
    stop: () => clearInterval(timer),
    finish: () => {
      report();
      if (thrown) throw thrown.error;
    },
  };
}

function cancelled(
  { work = 'work', aftermath = 'it is not finished' }: FailureFacts,
  signal: AbortSignal,
): BackyError {
  return backyError('BACKY_CANCELLED', { work, aftermath }, { cause: signal.reason });
}
