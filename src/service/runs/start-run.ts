import { fileURLToPath } from 'node:url';
import { type BackyError, backyError, isBackyError } from '../../errors.ts';
import { prepareRepository } from '../config/prepare-repository.ts';
import type { RunHandle, RunRequest, RunResult } from '../model/runner.ts';
import type { JobConfig } from '../model/service-config.ts';
import { type Ended, runProgram } from './run-program.ts';

const PROGRAM = fileURLToPath(new URL('../../../bin/backy.js', import.meta.url));
const HOOK_TIMEOUT_MS = 3_600_000;
/** A verification ends after this time; the next one goes on where it ended. */
const VERIFY_LIMIT = '2h';

/** Settings of all runs. */
export interface RunSettings {
  readonly completedCallback?: string | undefined;
  readonly onWarning: (message: string) => void;
}

/**
 * Runs a backup or a verification of a job in a process of its own, with its hooks around it. Nothing of the run can hurt
 * the service, and the death of the service does not end the run.
 */
export function startRun(request: RunRequest, settings: RunSettings): RunHandle {
  const kills = new Set<(signal: NodeJS.Signals) => void>();
  let isCancelled = false;
  const run = async (
    command: readonly string[],
    options: Parameters<typeof runProgram>[1] = {},
  ): Promise<Ended> => {
    const program = runProgram(command, options);
    kills.add(program.kill);
    try {
      return await program.done;
    } finally {
      kills.delete(program.kill);
    }
  };
  return {
    done: carryOut(request, settings, run, () => isCancelled),
    cancel: (signal = 'SIGTERM') => {
      isCancelled = true;
      for (const kill of kills) kill(signal);
    },
  };
}

type Run = (command: readonly string[], options?: Parameters<typeof runProgram>[1]) => Promise<Ended>;

async function carryOut(
  request: RunRequest,
  { completedCallback, onWarning }: RunSettings,
  run: Run,
  isCancelled: () => boolean,
): Promise<RunResult> {
  const { job, kind } = request;
  const env = environmentOf(request);
  const result = await attempt(request, run, env, isCancelled);
  const outcome = {
    BACKY_OUTCOME: result.outcome,
    BACKY_CODE: result.code ?? '',
    BACKY_REVISION: result.uuid ?? '',
  };
  if (kind === 'verify') return result;
  if (job.hooks.after) {
    const ended = await run(job.hooks.after, { env: { ...env, ...outcome }, timeoutMs: HOOK_TIMEOUT_MS });
    if (ended.exitCode !== 0) onWarning(`the hook after ${job.name} failed: ${reasonOf(ended)}`);
  }
  if (completedCallback && result.outcome === 'ok') {
    const input = await statusOf(job, run);
    const ended = await run([completedCallback, job.name], { env, input, timeoutMs: HOOK_TIMEOUT_MS });
    if (ended.exitCode !== 0) onWarning(`the callback after ${job.name} failed: ${reasonOf(ended)}`);
  }
  return result;
}

async function attempt(
  { job, kind, tags, slotMs }: RunRequest,
  run: Run,
  env: Readonly<Record<string, string>>,
  isCancelled: () => boolean,
): Promise<RunResult> {
  try {
    await prepareRepository(job);
  } catch (error) {
    return isBackyError(error) ? failedBy(error) : failed('BACKY_PANIC', String(error));
  }
  if (kind === 'backup' && job.hooks.before) {
    const ended = await run(job.hooks.before, { env, timeoutMs: HOOK_TIMEOUT_MS });
    if (isCancelled()) return CANCELLED;
    if (ended.exitCode !== 0)
      return failedBy(backyError('BACKY_HOOK_FAILED', { job: job.name, reason: reasonOf(ended) }));
  }
  const slot = slotMs === undefined ? [] : ['--slot', new Date(slotMs).toISOString()];
  const verify = [
    'verify',
    '--older-than',
    `${Math.floor((job.verifyMs ?? 0) / 1000) || 1}`,
    '--newest-first',
    '--limit',
    VERIFY_LIMIT,
  ];
  const command = kind === 'verify' ? verify : ['backup', tags.join(','), ...slot];
  return resultOf(await run([process.execPath, PROGRAM, '-b', job.directory, '--json', ...command]), kind);
}

const NOTHING = { code: null, message: null, uuid: null, bytesRead: null, bytesWritten: null };
const CANCELLED: RunResult = { ...NOTHING, outcome: 'cancelled' };

function failed(code: string | null, message: string): RunResult {
  return { ...NOTHING, outcome: 'failed', code, message: message.replace(/\s+/g, ' ').slice(0, 1000) };
}

function failedBy({ code, message }: BackyError): RunResult {
  return failed(code, message);
}

/** Reads the documents that a command prints with `--json`. */
function resultOf(ended: Ended, kind: RunRequest['kind']): RunResult {
  const error = lastDocument(ended.stderr, 'code');
  const { code, message } = { code: textOf(error?.code), message: textOf(error?.message) };
  if (code === 'BACKY_LOCKED') return { ...NOTHING, outcome: 'busy', code, message };
  if (code === 'BACKY_CANCELLED') return CANCELLED;
  const document = lastDocument(ended.stdout, kind === 'verify' ? 'verdicts' : 'record');
  if (ended.exitCode === 0 && document)
    return kind === 'verify' ? { ...NOTHING, outcome: 'ok' } : backupResult(document);
  if (kind === 'verify' && document)
    return failed('BACKY_IMAGE_DAMAGED', 'a revision is bad: "backy verify" names it');
  return failed(code, message ?? reasonOf(ended));
}

function backupResult({ record }: Readonly<Record<string, unknown>>): RunResult {
  if (typeof record !== 'object' || record === null) return { ...NOTHING, outcome: 'nothing-due' };
  const { uuid, stats } = { uuid: undefined, stats: undefined, ...record };
  const { bytesRead, bytesWritten } = { bytesRead: undefined, bytesWritten: undefined, ...asRecord(stats) };
  return {
    ...NOTHING,
    outcome: 'ok',
    uuid: textOf(uuid),
    bytesRead: typeof bytesRead === 'number' ? bytesRead : null,
    bytesWritten: typeof bytesWritten === 'number' ? bytesWritten : null,
  };
}

function asRecord(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** The last line that is a JSON object with a key. */
function lastDocument(text: string, key: string): Readonly<Record<string, unknown>> | undefined {
  for (const line of text.trimEnd().split('\n').reverse()) {
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value === 'object' && value !== null && Object.hasOwn(value, key)) return { ...value };
    } catch {
      // Other programs may write to these streams, too.
    }
  }
  return undefined;
}

function reasonOf({ exitCode, signal, problem, stderr }: Ended): string {
  const said = stderr.trim().split('\n').at(-1) ?? '';
  const end = problem ?? (signal === null ? `it ended with exit code ${exitCode}` : `${signal} ended it`);
  return said === '' ? end : `${end} (${said.slice(0, 500)})`;
}

function environmentOf({ job, tags, slotMs }: RunRequest): Readonly<Record<string, string>> {
  return {
    BACKY_JOB: job.name,
    BACKY_DIRECTORY: job.directory,
    BACKY_TAGS: tags.join(','),
    ...(slotMs === undefined ? {} : { BACKY_SLOT: new Date(slotMs).toISOString() }),
  };
}

/** The good revisions in the form of the Python backy's `status --yaml`; JSON is YAML, too. */
async function statusOf(job: JobConfig, run: Run): Promise<string> {
  const { stdout } = await run([process.execPath, PROGRAM, '-b', job.directory, '--json', 'status']);
  const document = lastDocument(stdout, 'revisions');
  const revisions = Array.isArray(document?.revisions) ? document.revisions : [];
  return `${JSON.stringify(revisions.filter((record) => record.trust !== 'distrusted'))}\n`;
}
