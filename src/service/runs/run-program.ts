import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** The end of a program. */
export interface Ended {
  /** Null if a signal ended it, or if it did not start. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The reason why it did not start. */
  readonly problem: string | null;
  /** The end of its outputs, of 64 KiB each at most. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface Program {
  readonly done: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
}

/** Settings of a program. */
export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Bytes for its standard input; none by default. */
  readonly input?: string;
  /** Milliseconds after which it is killed with all that it started; none by default. */
  readonly timeoutMs?: number;
  /** Kills it with all that it started. */
  readonly signal?: AbortSignal;
}

const KEPT = 64 * 1024;

/**
 * Runs a program without a shell, in a session of its own: neither the terminal's Ctrl-C nor the death of this process
 * ends it.
 */
export function runProgram(
  command: readonly string[],
  { env = {}, input, timeoutMs, signal }: ProgramOptions = {},
): Program {
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = [keepEnd(child.stdout), keepEnd(child.stderr)];
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  const end = (): void => endGroup(child);
  const timer = timeoutMs === undefined ? undefined : setTimeout(end, timeoutMs);
  signal?.addEventListener('abort', end);
  const done = new Promise<Ended>((resolve) => {
    const finish = (facts: Pick<Ended, 'exitCode' | 'signal' | 'problem'>): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve({ ...facts, stdout: stdout(), stderr: stderr() });
    };
    child.once('error', (error) => finish({ exitCode: null, signal: null, problem: error.message }));
    child.once('close', (exitCode, by) => finish({ exitCode, signal: by, problem: null }));
  });
  return { done, kill: (signal) => void child.kill(signal) };
}

/** Kills the session of a program. A process that has left it may hold the outputs open, so they are closed here. */
function endGroup({ pid, stdout, stderr }: ChildProcessByStdio<Writable, Readable, Readable>): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
  stdout.destroy();
  stderr.destroy();
}

function keepEnd(stream: NodeJS.ReadableStream): () => string {
  const decoder = new StringDecoder('utf8');
  let text = '';
  stream.on('data', (bytes: Buffer) => {
    text = (text + decoder.write(bytes)).slice(-KEPT);
  });
  return () => text;
}
