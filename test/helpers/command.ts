import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** The result of a finished command. */
export interface Outcome {
  /** 128 + n for a command that signal n ended, as in a shell. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that is running, in a process group of its own. */
export interface Running {
  readonly pid: number;
  readonly outcome: Promise<Outcome>;
  /** Sends a signal to the command and everything it started. */
  signal(name: NodeJS.Signals): void;
}

/** Options of a command. */
export interface CommandOptions {
  readonly cwd?: string;
  /** Added to the environment of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** Gets what it prints as it comes. */
  readonly onOutput?: (text: string) => void;
}

/** The search path; mkfs and losetup live in directories that only root searches by default. */
export const searchPath: string = `${process.env.PATH}:/usr/sbin:/sbin`;

/** Starts a command. */
export function start(command: string, args: readonly string[], options: CommandOptions = {}): Running {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, PATH: searchPath, LC_ALL: 'C', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  if (options.onOutput) child.stdout.on('data', options.onOutput);
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const exitCode = signal === null ? (code ?? 0) : 128 + constants.signals[signal];
      resolve({ exitCode, stdout: stdout(), stderr: stderr() });
    });
  });
  const pid = child.pid ?? 0;
  return { pid, outcome, signal: (name) => process.kill(-pid, name) };
}

/** Runs a command to its end, whatever that is. */
export function run(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Outcome> {
  return start(command, args, options).outcome;
}

/** Runs a command that is only a means: its failure is the failure of the test. Returns what it printed. */
export async function mustRun(...[command, args, options]: Parameters<typeof run>): Promise<string> {
  const { exitCode, stdout, stderr } = await run(command, args, options);
  if (exitCode === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} failed with ${exitCode}:\n${stderr}${stdout}`);
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: string[] = [];
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => chunks.push(chunk));
  return () => chunks.join('');
}
