import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { cleanUpWith } from './clean-up.ts';
import { type Outcome, type Running, start } from './command.ts';
import type { Need } from './needs.ts';
import { PROGRAM, type TestRepository } from './repository.ts';

/** What a machine must have for `holdBackup`. */
export const holdingNeeds: readonly Need[] = ['root', 'command strace'];

/** A backup that stands still in the middle of its source. */
export interface HeldBackup {
  readonly pid: number;
  /** Sends it a signal, which it gets when it goes on. */
  signal(name: NodeJS.Signals): void;
  /** Lets it go on, and waits for its end. */
  goOn(): Promise<Outcome>;
}

const POLL_MS = 10;
const PATIENCE_MS = 30_000;

/**
 * Starts a backup that stops itself at its second read of the source: strace sends SIGSTOP along with that system
 * call. So whatever happens next happens in the middle of a backup, however fast or slow the machine is.
 */
export async function holdBackup({ directory, source }: TestRepository): Promise<HeldBackup> {
  const stop = ['-e', 'trace=pread64', '-P', source, '-e', 'inject=pread64:signal=SIGSTOP:when=2'];
  const backup = [process.execPath, PROGRAM, '-b', directory, 'backup', 'manual:held'];
  // -D: the tracer is not the parent, so that the child we have is the backup.
  const running = start('strace', ['-D', '-f', '-qq', '-o', '/dev/null', ...stop, ...backup], {
    env: { BACKY_THREADS: '1' },
  });
  const cleanUp = cleanUpWith('kill -KILL -- "-$1" 2>/dev/null || true', String(running.pid));
  onTestFinished(() => cleanUp.now());
  await untilStopped(running, directory);
  return {
    pid: running.pid,
    signal: (name) => process.kill(running.pid, name),
    goOn: () => {
      process.kill(running.pid, 'SIGCONT');
      return running.outcome;
    },
  };
}

/** A traced thread is also stopped for a moment at its start and between system calls; that does not last. */
async function untilStopped({ pid, outcome }: Running, directory: string): Promise<void> {
  const ended = outcome.then(({ stderr }) => {
    throw new Error(`the backup ended before it could be held: ${stderr}`);
  });
  const stopped = async (): Promise<void> => {
    let inRow = 0;
    for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += POLL_MS) {
      inRow = isWriting(directory) && allThreadsStopped(pid) ? inRow + 1 : 0;
      if (inRow === 3) return;
      await sleep(POLL_MS);
    }
    throw new Error('the backup did not come to its second read');
  };
  await Promise.race([ended, stopped()]);
}

function isWriting(directory: string): boolean {
  return readdirSync(directory).some((name) => name.endsWith('.partial'));
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
