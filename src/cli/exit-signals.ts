import { constants } from 'node:os';

/** The signals that ask a command to end. */
export interface ExitSignals {
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** 128 + the number of the signal that came, as shells do; undefined if none came. */
  exitCode(): number | undefined;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The signals that the caller ignores, by name. `bin/backy` sets it, because Node makes them deadly when it starts. */
const IGNORED = 'BACKY_IGNORED_SIGNALS';

/**
 * The first signal cancels, so that the work can discard its files. The second one ends the process at once.
 * Signals that the caller ignores (`nohup`, a script's background job) do nothing.
 */
export function watchExitSignals(onCancel: () => void): ExitSignals {
  const controller = new AbortController();
  const ignored = ignoredSignals(process.env);
  let exitCode: number | undefined;
  for (const name of SIGNALS) {
    process.on(name, () => {
      if (ignored.has(name)) return;
      const code = 128 + constants.signals[name];
      if (exitCode !== undefined) process.exit(code);
      exitCode = code;
      onCancel();
      controller.abort(new Error(`received ${name}`));
    });
  }
  return { signal: controller.signal, exitCode: () => exitCode };
}

/** Reads the names and hides the variable from programs that backy starts. */
function ignoredSignals(environment: NodeJS.ProcessEnv): ReadonlySet<string> {
  const names = environment[IGNORED]?.split(' ') ?? [];
  delete environment[IGNORED];
  return new Set(names);
}
