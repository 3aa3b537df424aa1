import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BackyError, backyError } from '../../errors.ts';
import { isNodeError } from '../../io-error.ts';

/** The programs that are used, with the Debian packages that bring them. */
const PACKAGES = {
  lvs: 'lvm2',
  lvcreate: 'lvm2',
  lvchange: 'lvm2',
  lvremove: 'lvm2',
  dmsetup: 'dmsetup',
  thin_delta: 'thin-provisioning-tools',
} as const;

/** A program that is used. */
export type Tool = keyof typeof PACKAGES;

/** Long, because a command of LVM waits for others; not for ever, as it would for a suspended device. */
const PATIENCE_MS = 10 * 60_000;
/** How much of what a tool says on standard error is kept. */
const LONGEST_COMPLAINT = 4000;
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Runs a tool, without a shell, and gives its standard output to `take`, piece by piece.
 *
 * @throws BACKY_TOOL_MISSING, BACKY_TOOL_FAILED when it fails or takes more than ten minutes, and what `take` throws
 */
export async function runTool(
  tool: Tool,
  args: readonly string[],
  take: (text: string) => void = () => {},
): Promise<void> {
  const child = spawn(tool, args, {
    env: { PATH: searchPath(), LC_ALL: 'C', LVM_SUPPRESS_FD_WARNINGS: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Interrupted at the terminal, backy ends in an orderly way; what it has begun is finished first.
    detached: true,
  });
  const stopWaiting = new AbortController();
  try {
    const tooLong = sleep(PATIENCE_MS, undefined, { signal: stopWaiting.signal });
    const ending = await Promise.race([endOf(child, take), tooLong]);
    if (!ending) throw failed(tool, args, leaveRunning(child));
    if (ending.status !== 0) throw failed(tool, args, reasonOf(ending));
  } catch (cause) {
    if (!isNodeError(cause, 'ENOENT')) throw cause;
    throw backyError('BACKY_TOOL_MISSING', { tool, package: PACKAGES[tool] }, { cause });
  } finally {
    stopWaiting.abort();
  }
}

/** Runs a tool and returns what it printed. @throws BACKY_TOOL_MISSING, BACKY_TOOL_FAILED */
export async function readTool(tool: Tool, args: readonly string[]): Promise<string> {
  const texts: string[] = [];
  await runTool(tool, args, (text) => texts.push(text));
  return texts.join('');
}

/** Cron and others leave out where programs of the system are. */
function searchPath(): string {
  return [process.env.PATH, SYSTEM_PATH].filter((path) => path).join(':');
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

interface Ending {
  /** Exit code, or the name of the signal that ended it. */
  readonly status: number | string;
  readonly complaint: string;
}

async function endOf(child: Child, take: (text: string) => void): Promise<Ending> {
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (complaint.length < LONGEST_COMPLAINT) complaint += text;
  });
  const closing = new Promise<number | string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  const reading = (async () => {
    for await (const text of child.stdout.setEncoding('utf8')) take(text);
  })();
  const [status] = await Promise.all([closing, reading]);
  return { status, complaint };
}

/** Killed in the middle of its work, it might leave a volume suspended, and with it the machine that writes to it. */
function leaveRunning(child: Child): string {
  child.unref();
  child.stdout.destroy();
  child.stderr.destroy();
  return `process ${child.pid} has not finished within ${PATIENCE_MS / 60_000} minutes`;
}

/** The first thing it complains of; warnings come first and are none. */
function reasonOf({ status, complaint }: Ending): string {
  const lines = complaint.split('\n').map((line) => line.trim());
  const told = lines.find((line) => line !== '' && !line.startsWith('WARNING:'));
  return told?.replace(/\.$/, '') ?? `it ended with ${status}`;
}

function failed(tool: Tool, args: readonly string[], reason: string): BackyError {
  return backyError('BACKY_TOOL_FAILED', { tool, reason }, { details: { args } });
}
