import { constants } from 'node:os';

/** How signals ask a command to end. */
export interface ExitSignals {
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** 128 + the number of the signal that came, as shells do; undefined when none came. */
  exitCode(): number | undefined;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** From now on the first signal cancels, so that the work can clean up, and the second one ends the process at once. */
export function watchExitSignals(onCancel: () => void): ExitSignals {
  const controller = new AbortController();
  let exitCode: number | undefined;
  for (const name of SIGNALS) {
    process.on(name, () => {
      const code = 128 + constants.signals[name];
      if (exitCode !== undefined) process.exit(code);
      exitCode = code;
      onCancel();
      controller.abort(new Error(`received ${name}`));
    });
  }
  return { signal: controller.signal, exitCode: () => exitCode };
}
