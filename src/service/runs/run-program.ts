import { spawn } from 'node:child_process';
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
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Bytes for its standard input; none by default. */
  readonly input?: string;
  /** Milliseconds after which it is killed; none by default. */
  readonly timeoutMs?: number;
}

const KEPT = 64 * 1024;

/**
 * Runs a program without a shell, in a session of its own: neither the terminal's Ctrl-C nor the death of this process
 * ends it.
 */
export function runProgram(
  command: readonly string[],
  { cwd, env = {}, input, timeoutMs }: ProgramOptions = {},
): Program {
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = [keepEnd(child.stdout), keepEnd(child.stderr)];
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const done = new Promise<Ended>((resolve) => {
    const end = (facts: Pick<Ended, 'exitCode' | 'signal' | 'problem'>): void => {
      clearTimeout(timer);
      resolve({ ...facts, stdout: stdout(), stderr: stderr() });
    };
    child.once('error', (error) => end({ exitCode: null, signal: null, problem: error.message }));
    child.once('close', (exitCode, signal) => end({ exitCode, signal, problem: null }));
  });
  return { done, kill: (signal) => void child.kill(signal) };
}

function keepEnd(stream: NodeJS.ReadableStream): () => string {
  const decoder = new StringDecoder('utf8');
  let text = '';
  stream.on('data', (bytes: Buffer) => {
    text = (text + decoder.write(bytes)).slice(-KEPT);
  });
  return () => text;
}
