import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mustRun, type Need, type Outcome, run } from '../tests.ts';

/** The requirements of `compileCalls`. */
export const callsNeeds: readonly Need[] = ['root', 'command cc'];

/** One thread for the engine and one for Node: then the calls come in the same order every time. */
export const IN_ORDER: Readonly<Record<string, string>> = { BACKY_THREADS: '1', UV_THREADPOOL_SIZE: '1' };

/** Interference with a command. Calls are counted from 1. */
export interface Interference {
  /** Kill it at the beginning of this call. */
  readonly killAt?: number;
  /** Run a command of the shell while it waits for this call to be carried out. */
  readonly meanwhile?: { readonly call: number; readonly shell: string };
  /** Count the calls that only open something, too. */
  readonly opens?: boolean;
  /** Have it believe that calls like these have worked: patterns of the shell, such as "fsync *.hashes.partial". */
  readonly skip?: readonly string[];
}

/** Runs commands and interferes with the calls by which they change something below a directory. */
export interface Calls {
  run(
    directory: string,
    command: readonly string[],
    interference?: Interference,
    onOutput?: (text: string) => void,
  ): Promise<Outcome & { readonly calls: readonly string[] }>;
}

const SOURCE = fileURLToPath(new URL('calls.c', import.meta.url));

/** Compiles the tracer into a directory. */
export async function compileCalls(directory: string): Promise<Calls> {
  const tracer = join(directory, 'calls');
  await mustRun('cc', ['-O2', '-Wall', '-Wextra', '-o', tracer, SOURCE]);
  let count = 0;
  return {
    run: async (below, command, { killAt, meanwhile, opens, skip = [] } = {}, onOutput = undefined) => {
      count += 1;
      const list = join(directory, `list-${count % 8}`);
      const kill = killAt === undefined ? [] : ['-k', String(killAt)];
      const skipping = skip.flatMap((pattern) => ['-x', pattern]);
      const running = meanwhile ? ['-r', `${meanwhile.call}:${meanwhile.shell}`] : [];
      const counting = opens ? ['-a'] : [];
      const outcome = await run(
        tracer,
        [...counting, ...kill, ...running, ...skipping, '-o', list, below, ...command],
        {
          env: IN_ORDER,
          ...(onOutput ? { onOutput } : {}),
        },
      );
      if (outcome.exitCode === 125) throw new Error(`tracing failed: ${outcome.stderr}`);
      return { ...outcome, calls: readFileSync(list, 'utf8').split('\n').slice(0, -1) };
    },
  };
}
