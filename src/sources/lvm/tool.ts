import { type BackyError, backyError } from '../../errors.ts';
import { type Ending, runProgram } from '../run-program.ts';

/** The programs, with the Debian packages that provide them. */
const PACKAGES = {
  lvs: 'lvm2',
  lvcreate: 'lvm2',
  lvchange: 'lvm2',
  lvremove: 'lvm2',
  dmsetup: 'dmsetup',
  thin_delta: 'thin-provisioning-tools',
} as const;

/** Name of a program that works on volumes. */
export type Tool = keyof typeof PACKAGES;

/** Optional parts of a run. */
export interface ToolOptions {
  /** Gets the standard output in pieces. */
  readonly take?: (text: string) => void;
  /** Aborting it kills the tool, so it suits only tools that change nothing. */
  readonly signal?: AbortSignal | undefined;
}

/** Commands of LVM wait for each other, so the limit is long. A suspended device would block them for ever. */
const LIMIT_MS = 10 * 60_000;
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Runs a tool.
 *
 * @throws BACKY_TOOL_MISSING, BACKY_TOOL_FAILED when it fails or takes more than ten minutes, BACKY_CANCELLED, and what
 *   `take` throws
 */
export async function runTool(
  tool: Tool,
  args: readonly string[],
  { take = () => {}, signal }: ToolOptions = {},
): Promise<void> {
  const ending = await runProgram({ tool, package: PACKAGES[tool] }, args, {
    env: { PATH: searchPath(), LVM_SUPPRESS_FD_WARNINGS: '1' },
    limitMs: LIMIT_MS,
    // A tool that is killed halfway may leave a volume suspended, and with it the machine that writes to the volume.
    atLimit: 'leave',
    take,
    signal,
  });
  if (ending.status !== 0) throw failed(tool, args, reasonOf(ending));
}

/** Runs a tool and returns its standard output. @throws BACKY_TOOL_MISSING, BACKY_TOOL_FAILED */
export async function readTool(tool: Tool, args: readonly string[]): Promise<string> {
  const texts: string[] = [];
  await runTool(tool, args, { take: (text) => texts.push(text) });
  return texts.join('');
}

/** Adds the system directories, which cron and others leave out. */
function searchPath(): string {
  return [process.env.PATH, SYSTEM_PATH].filter((path) => path).join(':');
}

/** Returns the first line of standard error that is not a warning. */
function reasonOf({ pid, status, complaint }: Ending): string {
  if (status === 'limit') return `process ${pid} has not finished within ${LIMIT_MS / 60_000} minutes`;
  const lines = complaint.split('\n').map((line) => line.trim());
  const told = lines.find((line) => line !== '' && !line.startsWith('WARNING:'));
  return told?.replace(/\.$/, '') ?? `it ended with ${status}`;
}

function failed(tool: Tool, args: readonly string[], reason: string): BackyError {
  return backyError('BACKY_TOOL_FAILED', { tool, reason }, { details: { args } });
}
