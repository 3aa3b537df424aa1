import { spawn } from 'node:child_process';
import { backyError } from '../../errors.ts';
import { isNodeError } from '../../io-error.ts';

/** A command of rbd that came to an end. */
export interface RbdOutcome {
  /** An error number when it failed, as rbd has it; 0 otherwise. */
  readonly exitCode: number;
  readonly stdout: string;
  /** The one line that says why it failed. */
  readonly complaint: string;
}

/** How much of what a command says on standard error is kept. */
const LONGEST_COMPLAINT = 8000;
/** rbd gives up by itself when the cluster does not answer. This is for one that hangs all the same. */
const GRACE_MS = 60_000;
/** A timer of Node takes no more, and would end at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs a command of rbd, or of another program of Ceph, without a shell.
 *
 * @param patienceMs how long it takes rbd to give up a cluster that does not answer
 * @throws BACKY_TOOL_MISSING, BACKY_TOOL_FAILED when it does not end
 */
export async function runRbd(args: readonly string[], patienceMs: number, tool = 'rbd'): Promise<RbdOutcome> {
  const limitMs = Math.min(2 * patienceMs + GRACE_MS, LONGEST_TIMER_MS);
  // Interrupted at the terminal, backy ends in an orderly way; what it has begun is finished first.
  const child = spawn(tool, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const timer = setTimeout(killGroup, limitMs, child.pid);
  const stdout: string[] = [];
  let complaints = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => stdout.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-LONGEST_COMPLAINT);
  });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  })
    .catch((cause: unknown) => {
      if (!isNodeError(cause, 'ENOENT')) throw cause;
      throw backyError('BACKY_TOOL_MISSING', { tool, package: 'ceph-common' }, { cause });
    })
    .finally(() => clearTimeout(timer));
  const complaint = wordsOf(complaints);
  if (exitCode !== null) return { exitCode, stdout: stdout.join(''), complaint };
  throw backyError('BACKY_TOOL_FAILED', { tool, reason: complaint }, { details: { args } });
}

/** The process and whatever it has started. */
function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // It has ended this very moment.
    if (!isNodeError(error, 'ESRCH')) throw error;
  }
}

/** Where something else begins in the middle of a line, because several threads write at the same time. */
const BEGINNINGS = /(?=\brbd: )|(?=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+[+-]\d{4} )/;

/** The program speaks last, under its own name; before it, its library tells the same in more detail. */
export function wordsOf(complaints: string): string {
  const lines = complaints
    .split(/[\r\n]/)
    .flatMap((line) => line.split(BEGINNINGS))
    .map((line) => line.trim());
  const own = lines.findLast((line) => line.startsWith('rbd: '))?.slice('rbd: '.length);
  return own ?? lines.findLast((line) => line !== '') ?? 'it said nothing';
}
