import { backyError } from '../../errors.ts';
import { runProgram } from '../run-program.ts';

/** Result of a command of rbd. */
export interface RbdOutcome {
  /** 0, or the error number with which rbd failed. */
  readonly exitCode: number;
  readonly stdout: string;
  /** The one line of standard error that explains a failure. */
  readonly complaint: string;
}

/** rbd gives up an unreachable cluster by itself. This margin is for a command that hangs all the same. */
const GRACE_MS = 60_000;

/**
 * Runs a command of rbd or of another program of Ceph.
 *
 * @param patienceMs time in milliseconds after which rbd gives up an unreachable cluster
 * @throws BACKY_TOOL_MISSING, BACKY_TOOL_FAILED when the command is killed
 */
export async function runRbd(args: readonly string[], patienceMs: number, tool = 'rbd'): Promise<RbdOutcome> {
  const stdout: string[] = [];
  const { status, complaint } = await runProgram({ tool, package: 'ceph-common' }, args, {
    env: process.env,
    limitMs: 2 * patienceMs + GRACE_MS,
    atLimit: 'kill',
    take: (text) => stdout.push(text),
  });
  const reason = explanationIn(complaint);
  if (typeof status === 'number') return { exitCode: status, stdout: stdout.join(''), complaint: reason };
  throw backyError('BACKY_TOOL_FAILED', { tool, reason }, { details: { args } });
}

/** Starts of messages that appear in the middle of a line, because several threads write at the same time. */
const BEGINNINGS = /(?=\brbd: )|(?=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+[+-]\d{4} )/;

/**
 * Finds the last message of rbd itself, or else the last line. The library writes details under another name before
 * it.
 */
export function explanationIn(complaints: string): string {
  const lines = complaints
    .split(/[\r\n]/)
    .flatMap((line) => line.split(BEGINNINGS))
    .map((line) => line.trim());
  const own = lines.findLast((line) => line.startsWith('rbd: '))?.slice('rbd: '.length);
  return own ?? lines.findLast((line) => line !== '') ?? 'it said nothing';
}
