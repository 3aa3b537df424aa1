import type { Progress } from '#native';

/** Follows one piece of work until it is stopped. */
export interface Watch {
  /** Ends the following. */
  stop(): void;
  /** Reports the last state, which is all of the work if it has succeeded. @throws whatever the observer threw */
  finish(hasSucceeded: boolean): void;
}

const PROGRESS_INTERVAL_MS = 200;

/**
 * Tells an observer five times a second how far work has come, and once when it has ended. The first report announces
 * the whole work, and no later one goes back: work that turns out to be more only makes the rest of the way slower.
 *
 * @param read the counters of the work, whose total may grow
 * @param cancel called when the observer throws, as an error inside a timer would end the process
 */
export function watchProgress(
  read: () => Progress,
  onProgress: (progress: Progress) => void,
  cancel: () => void,
): Watch {
  let thrown: { readonly error: unknown } | undefined;
  const announced = steadyProgress();
  const report = (isComplete: boolean): void => {
    const progress = announced(read(), isComplete);
    if (thrown || !progress) return;
    try {
      onProgress(progress);
    } catch (error) {
      thrown = { error };
      cancel();
    }
  };
  const timer = setInterval(report, PROGRESS_INTERVAL_MS, false);
  return {
    stop: () => clearInterval(timer),
    finish: (hasSucceeded) => {
      report(hasSucceeded);
      if (thrown) throw thrown.error;
    },
  };
}

/** Scales each state of the counters to the first total that was known. Nothing is known before that. */
function steadyProgress(): (state: Progress, isComplete: boolean) => Progress | undefined {
  let total = 0;
  let done = 0;
  return ({ changed, ...state }, isComplete) => {
    total ||= state.total;
    const share = isComplete ? 1 : Math.min(1, state.done / (state.total || 1));
    done = Math.max(done, Math.floor(total * share));
    return total > 0 || isComplete ? { total, done, changed } : undefined;
  };
}
