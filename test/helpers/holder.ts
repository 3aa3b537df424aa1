import { readdirSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { cleanUpWith } from './clean-up.ts';
import { start } from './command.ts';
import type { Need } from './needs.ts';

/** A program that has a file open. */
export interface HoldingProgram {
  readonly pid: number;
  /** Ends it, and waits for that. */
  stop(): Promise<void>;
}

/** The requirements for QEMU to hold images open. */
export const qemuNeeds: readonly Need[] = [
  'command qemu-system-x86_64',
  'command qemu-nbd',
  'command qemu-img',
  'command qemu-storage-daemon',
];

const POLL_MS = 20;
const PATIENCE_MS = 60_000;

/** Starts a program, and waits until it, or what it becomes, has a file or block device open. */
export async function startHolder(
  path: string,
  command: string,
  ...args: readonly string[]
): Promise<HoldingProgram> {
  const running = start(command, args);
  const cleanUp = cleanUpWith('kill -KILL "-$1" 2>/dev/null || true', String(running.pid));
  onTestFinished(() => cleanUp.now());
  const ended = running.outcome.then(({ exitCode, stderr }) => {
    throw new Error(`${command} ended with ${exitCode} before it had ${path} open: ${stderr}`);
  });
  await Promise.race([ended, untilOpen(running.pid, path)]);
  return {
    pid: running.pid,
    stop: async () => {
      running.signal('SIGKILL');
      await running.outcome;
    },
  };
}

/** Starts a machine that does not run, but has its disk open as one that does. */
export function startMachine(disk: string, format = 'raw', below: string = disk): Promise<HoldingProgram> {
  const machine = ['-S', '-nodefaults', '-display', 'none', '-M', 'none'];
  const drive = `file=${disk},format=${format},if=none`;
  return startHolder(below, 'qemu-system-x86_64', ...machine, '-drive', drive);
}

async function untilOpen(pid: number, path: string): Promise<void> {
  const { dev, ino, rdev } = statSync(path);
  const isIt = (other: ReturnType<typeof statSync>): boolean =>
    other !== undefined && (rdev === 0 ? other.dev === dev && other.ino === ino : other.rdev === rdev);
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += POLL_MS) {
    if (descriptorsOf(pid).some(isIt)) return;
    await sleep(POLL_MS);
  }
  throw new Error(`process ${pid} did not open ${path}`);
}

/** Those that are closed meanwhile are left out. */
function descriptorsOf(pid: number): readonly ReturnType<typeof statSync>[] {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).map((name) => statSync(`${directory}/${name}`, { throwIfNoEntry: false }));
  } catch {
    return [];
  }
}
