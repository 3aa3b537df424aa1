import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { backyError } from '../errors.ts';
import { isNodeError } from '../io-error.ts';

/** An outside program, and the Debian package that provides it. */
export interface Program {
  readonly tool: string;
  readonly package: string;
}

/** Limits and streams of one run. */
export interface RunOptions {
  /** The environment. The C locale is added to it. */
  readonly env: NodeJS.ProcessEnv;
  /** Time limit in milliseconds. */
  readonly limitMs: number;
  /** `kill` ends the program and its children at the time limit. `leave` lets it go on in the background. */
  readonly atLimit: 'kill' | 'leave';
  /** Gets the standard output in pieces. */
  readonly take: (text: string) => void;
  /** Aborting it kills the program. */
  readonly signal?: AbortSignal | undefined;
}

/** The end of a program, or of the time that it had. */
export interface Ending {
  readonly pid: number | undefined;
  /** Exit code, name of the signal that killed the program, or `limit` for one that goes on beyond the limit. */
  readonly status: number | string;
  /** The beginning and the end of its standard error. */
  readonly complaint: string;
}

/** Characters of standard error that are kept from its beginning. */
const LONGEST_BEGINNING = 4000;
/** Characters of standard error that are kept from its end. */
const LONGEST_END = 8000;
/** Node fires timers with a longer delay at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

type Child = ChildProcessByStdio<null, Readable, Readable>;

/**
 * Runs a program without a shell, in a process group of its own. An interrupt at the terminal does not reach that
 * group, so backy can finish the current step first.
 *
 * @throws BACKY_TOOL_MISSING, BACKY_CANCELLED, and what `take` throws
 */
export async function runProgram(
  { tool, package: packageName }: Program,
  args: readonly string[],
  { env, limitMs, atLimit, take, signal }: RunOptions,
): Promise<Ending> {
  if (signal?.aborted) throw cancelled(tool, signal);
  const child = spawn(tool, args, {
    env: { ...env, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const done = new AbortController();
  const ending = endOf(child, take);
  try {
    const first = await Promise.race([ending, interruption(limitMs, [done.signal, signal])]);
    if (first !== 'interrupted') return first;
    if (!signal?.aborted && atLimit === 'leave') return leave(child);
    killGroup(child);
    const killed = await ending;
    if (signal?.aborted) throw cancelled(tool, signal);
    return killed;
  } catch (cause) {
    if (!isNodeError(cause, 'ENOENT')) throw cause;
    throw backyError('BACKY_TOOL_MISSING', { tool, package: packageName }, { cause });
  } finally {
    done.abort();
  }
}

async function endOf(child: Child, take: (text: string) => void): Promise<Ending> {
  let [beginning, end] = ['', ''];
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const room = LONGEST_BEGINNING - beginning.length;
    beginning += text.slice(0, room);
    end = (end + text.slice(room)).slice(-LONGEST_END);
  });
  const closing = new Promise<number | string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  const reading = (async () => {
    for await (const text of child.stdout.setEncoding('utf8')) take(text);
  })();
  const [status] = await Promise.all([closing, reading]);
  return { pid: child.pid, status, complaint: beginning + end };
}

/** Resolves at the time limit, or when one of the signals is aborted. */
async function interruption(
  limitMs: number,
  signals: readonly (AbortSignal | undefined)[],
): Promise<'interrupted'> {
  const signal = AbortSignal.any(signals.filter((each) => each !== undefined));
  await sleep(Math.min(limitMs, LONGEST_TIMER_MS), undefined, { signal }).catch(() => undefined);
  return 'interrupted';
}

function leave(child: Child): Ending {
  child.unref();
  child.stdout.destroy();
  child.stderr.destroy();
  return { pid: child.pid, status: 'limit', complaint: '' };
}

/** Kills the process and all processes of its group. */
function killGroup({ pid }: Child): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // ESRCH means that the group has just ended.
    if (!isNodeError(error, 'ESRCH')) throw error;
  }
}

function cancelled(tool: string, { reason: cause }: AbortSignal): Error {
  const facts = { work: `run of ${tool}`, aftermath: 'its result is not used' };
  return backyError('BACKY_CANCELLED', facts, { cause });
}
