import { dirname } from 'node:path';
import type { Status } from '../../../src/operations/status/status.ts';
import type { Known, State } from '../judge/state.ts';
import { mustRun, PROGRAM } from '../tests.ts';
import { type Calls, IN_ORDER, type Interference } from '../tracer/calls.ts';

/** A command of a workload, and what the guest does before it. */
export interface Step {
  readonly args: readonly string[];
  /** Places of the source that change, in MiB. */
  readonly changes?: readonly number[];
}

/** Something that was reported as success. */
export interface Milestone {
  /** The number of entries that the disk had received by then. */
  readonly position: number;
  /** The state of the repository from then on. */
  readonly state: State;
}

/** A command that runs under the tracer. */
export interface Staging {
  /** Which command. */
  readonly command: string;
  readonly program: string;
  readonly calls: Calls;
  readonly interference: Interference;
  /** The command counts as successful when it prints this, and not at its end. */
  readonly reportsBy?: string | undefined;
  /** Receives the calls of the command. */
  readonly onCalls: (calls: readonly string[]) => void;
}

const change = [0, 2];

/** All commands that write, once or twice: revisions are created, removed and brought back. */
export const WORKLOAD: readonly Step[] = [
  { args: ['init', 'file'] },
  { args: ['backup', 'manual:1'] },
  { args: ['backup', 'manual:2'], changes: change },
  { args: ['backup', 'manual:3'], changes: [1] },
  { args: ['tags', 'add', '-r', '1', 'manual:more'] },
  { args: ['forget', '-r', '2..1'] },
  { args: ['backup', 'manual:4'], changes: change },
  { args: ['undelete', '-r', 'last'] },
  { args: ['verify'] },
  { args: ['purge'] },
  { args: ['backup', 'manual:5'] },
  { args: ['forget', '-r', '1'] },
];

/** A short one for mutants: what is made durable by a backup and by a removal. */
export const SHORT_WORKLOAD: readonly Step[] = [
  { args: ['init', 'file'] },
  { args: ['backup', 'manual:1'] },
  { args: ['backup', 'manual:2'], changes: change },
  { args: ['forget', '-r', '1'] },
];

/** Makes a source of 3 MiB, safe on its disk. */
export async function makeSource(source: string): Promise<void> {
  await shell('head -c 3145728 /dev/urandom >"$1" && sync -- "$1" "$(dirname "$1")"', source);
}

/** The paths of a workload. */
export interface Workplace {
  readonly repository: string;
  readonly source: string;
}

/**
 * Runs the steps on a repository, all of it in other processes.
 *
 * @param position how much the disk has been told
 */
export async function runWorkload(
  steps: readonly Step[],
  { repository, source }: Workplace,
  position: () => number,
  staging?: Staging,
): Promise<readonly Milestone[]> {
  const milestones: Milestone[] = [{ position: position(), state: new Map() }];
  for (const { args, changes = [] } of steps) {
    for (const place of changes) await changeAt(source, place);
    const [command = '', ...rest] = args;
    const operands = command === 'init' ? [source] : [];
    const words = ['-b', repository, command, ...rest, ...operands];
    const reported =
      staging?.command === command
        ? await runStaged(staging, dirname(repository), words, position)
        : await runStep(words, position);
    milestones.push({ position: reported, state: await statusOf(repository) });
  }
  return milestones;
}

/** Returns how much the disk had been told when success was reported. */
async function runStep(words: readonly string[], position: () => number): Promise<number> {
  await mustRun(process.execPath, [PROGRAM, ...words], { env: IN_ORDER });
  return position();
}

async function runStaged(
  { program, calls, interference, reportsBy, onCalls }: Staging,
  directory: string,
  words: readonly string[],
  position: () => number,
): Promise<number> {
  let early: number | undefined;
  const hear = (text: string): void => {
    if (reportsBy !== undefined && text.includes(reportsBy)) early ??= position();
  };
  const command = [process.execPath, program, ...words];
  const outcome = await calls.run(directory, command, interference, hear);
  if (outcome.exitCode !== 0) throw new Error(`${words.join(' ')} failed: ${outcome.stderr}`);
  onCalls(outcome.calls);
  return early ?? position();
}

/** Reads the state in a child process. */
export async function statusOf(repository: string): Promise<State> {
  const command = [PROGRAM, '-b', repository, '--json', 'status'];
  const { revisions, trash }: Status = JSON.parse(await mustRun(process.execPath, command));
  const known = (place: Known['place']) => (record: Status['revisions'][number]) => {
    const { uuid, digest, size, tags, trust } = record;
    const facts: Known = {
      place,
      digest: digest ?? '',
      size,
      tags: [...tags].sort().join(','),
      trust,
      badCount: 0,
    };
    return [uuid, facts] as const;
  };
  return new Map([
    ...revisions.map(known('repository')),
    ...trash.map(({ record }) => record).map(known('trash')),
  ]);
}

async function changeAt(source: string, place: number): Promise<void> {
  const script = 'head -c 40960 /dev/urandom | dd of="$1" bs=1M seek="$2" conv=notrunc status=none';
  await shell(script, source, String(place));
}

async function shell(script: string, ...args: readonly string[]): Promise<void> {
  await mustRun('/bin/sh', ['-c', script, 'sh', ...args]);
}
