import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { cleanUpWith } from './clean-up.ts';
import { type Outcome, type Running, start } from './command.ts';
import type { Need } from './needs.ts';
import { PROGRAM, readLive, type TestRepository } from './repository.ts';
import { scratchForTest } from './scratch.ts';

/** The requirements for holding a command. */
export const holdingNeeds: readonly Need[] = ['root', 'command strace'];

/** A command that stands still in the middle of its work. */
export interface HeldCommand {
  readonly pid: number;
  /** Sends it a signal, which it gets when it goes on. */
  signal(name: NodeJS.Signals): void;
  /** Lets it go on, and waits for its end. */
  goOn(): Promise<Outcome>;
}

const POLL_MS = 10;
const PATIENCE_MS = 120_000;

/** Starts a backup and holds it in the middle of its source, read live, with its partial files written to. */
export function holdBackup(repository: TestRepository): Promise<HeldCommand> {
  const { directory, source } = repository;
  readLive(repository);
  return hold(['-b', directory, 'backup', 'manual:held'], source, () =>
    readdirSync(directory).some((name) => name.endsWith('.partial')),
  );
}

/** Starts a restore and holds it in the middle of `image`, with a new file in `directory` written to. */
export function holdRestore(
  repository: TestRepository,
  image: string,
  directory: string,
): Promise<HeldCommand> {
  const before = readdirSync(directory).length;
  return hold(
    ['-b', repository.directory, 'restore', `${directory}/target`],
    image,
    () => readdirSync(directory).length > before,
  );
}

/** Starts a restore onto a file that exists, and holds it while it compares the two. */
export function holdComparison(repository: TestRepository, target: string): Promise<HeldCommand> {
  return hold(['-b', repository.directory, 'restore', target], target, () => true);
}

/**
 * Runs a command and holds it whenever it has opened a file of one of these names, in whatever directory. The engine
 * and Node may use several threads, of which one at a time comes this far.
 *
 * @param whileHeld gets the number of the open, from 1 on
 */
export async function holdAtOpens(
  args: readonly string[],
  names: readonly string[],
  whileHeld: (count: number) => void,
): Promise<Outcome> {
  const paths = names.flatMap((name) => ['-P', name]);
  const stop = ['-e', 'trace=openat', ...paths, '-e', 'inject=openat:signal=SIGSTOP:when=1+'];
  const { running, log } = startStopping(args, stop);
  const stops = (): number => (read(log).match(/ SIGSTOP \{/g) ?? []).length;
  let hasEnded = false;
  void running.outcome.then(() => {
    hasEnded = true;
  });
  for (let count = 0; ; ) {
    while (!hasEnded && !(stops() > count && allThreadsStopped(running.pid))) await sleep(POLL_MS);
    if (hasEnded) return running.outcome;
    count += 1;
    whileHeld(count);
    process.kill(running.pid, 'SIGCONT');
  }
}

/**
 * Starts a command that stops itself at its second read of a file: strace sends SIGSTOP along with that system
 * call. So whatever happens next happens in the middle of it, however fast or slow the machine is.
 */
async function hold(args: readonly string[], file: string, isWriting: () => boolean): Promise<HeldCommand> {
  const stop = ['-e', 'trace=pread64', '-P', file, '-e', 'inject=pread64:signal=SIGSTOP:when=2'];
  const { running, log } = startStopping(args, stop);
  // On a busy machine the tracer may take its time with every call, which looks like standing still.
  const hasStopped = (): boolean => read(log).includes('stopped by SIGSTOP');
  await untilStopped(running, () => hasStopped() && isWriting());
  return {
    pid: running.pid,
    signal: (name) => process.kill(running.pid, name),
    goOn: () => {
      process.kill(running.pid, 'SIGCONT');
      return running.outcome;
    },
  };
}

/** Starts a command that strace stops, as these options say. */
function startStopping(args: readonly string[], stop: readonly string[]): { running: Running; log: string } {
  // -D: the tracer is not the parent, so that the child we have is the command.
  const log = join(scratchForTest(), 'strace');
  const strace = ['-D', '-f', '-qq', '-o', log, ...stop];
  const running = start('strace', [...strace, process.execPath, PROGRAM, ...args], {
    env: { BACKY_THREADS: '1' },
  });
  const cleanUp = cleanUpWith('kill -KILL "-$1" 2>/dev/null || true', String(running.pid));
  onTestFinished(() => cleanUp.now());
  return { running, log };
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** A traced thread is also stopped for a moment at its start and between system calls; that does not last. */
async function untilStopped({ pid, outcome }: Running, isWriting: () => boolean): Promise<void> {
  const ended = outcome.then(({ stderr }) => {
    throw new Error(`the command ended before it could be held: ${stderr}`);
  });
  const stopped = async (): Promise<void> => {
    let inRow = 0;
    for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += POLL_MS) {
      inRow = isWriting() && allThreadsStopped(pid) ? inRow + 1 : 0;
      if (inRow === 3) return;
      await sleep(POLL_MS);
    }
    throw new Error('the command did not come to its second read');
  };
  await Promise.race([ended, stopped()]);
}

function allThreadsStopped(pid: number): boolean {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.every((thread) =>
      /\) [tT] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')),
    );
  } catch {
    return false;
  }
}
