import { setTimeout as sleep } from 'node:timers/promises';
import { start } from './command.ts';
import { isTorn, PROGRAM, type TestRepository } from './repository.ts';

/** When a command is killed. */
export interface Moment {
  /** Whether to wait first until it has begun to change revisions. */
  readonly onceTorn: boolean;
  /** From then on, or from its start. */
  readonly afterMs: number;
}

/** Starts a command and kills it at a moment, unless it has ended by then; its locks are free afterwards. */
export async function runKilled(
  repository: TestRepository,
  args: readonly string[],
  { onceTorn, afterMs }: Moment,
): Promise<void> {
  const running = start(process.execPath, [PROGRAM, '-b', repository.directory, ...args]);
  let hasEnded = false;
  const ended = running.outcome.then(() => {
    hasEnded = true;
  });
  while (onceTorn && !hasEnded && !isTorn(repository)) await sleep(1);
  await Promise.race([sleep(afterMs), ended]);
  try {
    if (!hasEnded) running.signal('SIGKILL');
  } catch {
    // It ended this very moment.
  }
  await ended;
}
