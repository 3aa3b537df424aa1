import type { Progress } from '#native';

/** Observes one piece of work until stopped. */
export interface Watch {
  /** Ends the observation. */
  stop(): void;
  /** Reports the final state; after success that is the whole work. @throws the error of the observer */
  finish(hasSucceeded: boolean): void;
}

const PROGRESS_INTERVAL_MS = 200;

/**
 * Reports progress to an observer five times a second, and once at the end. The total of the first report stays, and no
 * report goes back: if the work grows, the remaining progress slows down.
 *
 * @param read reads the counters of the work; its total may grow
 * @param cancel called if the observer throws, because an error inside a timer would end the process
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

/** Scales each state of the counters to the first known total. Returns undefined until a total is known. */
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
