import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../../../src/native/engine.ts';
import { backup } from '../../../src/operations/backup/backup.ts';
import { createContext, type Log } from '../../../src/operations/context.ts';
import { init } from '../../../src/operations/init.ts';
import { layoutOf } from '../../../src/repository/layout.ts';
import { judgeRepository } from '../judge/judge.ts';
import { cleanUpWith } from '../tests.ts';
import type { Milestone } from '../workloads/workload.ts';
import { type CrashState, crashStates } from './crash-states.ts';
import { type Recording, withCrashed } from './recorded-filesystem.ts';

/** A recorded workload. */
export interface Recorded {
  readonly recording: Recording;
  readonly milestones: readonly Milestone[];
  /** The mount point, during the recording and after each cut. */
  readonly mountpoint: string;
  readonly repository: string;
  readonly source: string;
}

/** Which disks are looked at. */
export interface CutOptions {
  readonly count: number;
  readonly random: () => number;
  /** After so many violations it is enough. */
  readonly enough: number;
  /** The power is cut after this milestone, the first one by default. */
  readonly step?: number;
}

/** The findings on all disks. */
export interface CutReport {
  readonly states: number;
  /** Disks by kind. */
  readonly kinds: ReadonlyMap<string, number>;
  readonly violations: readonly string[];
}

/**
 * Builds the disks that a power cut may leave, mounts each, and judges what is there.
 *
 * @param home a directory on a filesystem that clones files
 */
export async function cutPower(
  engine: Engine,
  home: string,
  recorded: Recorded,
  { count, random, enough, step = 0 }: CutOptions,
): Promise<CutReport> {
  const { base, entries } = recorded.recording;
  const [scratch, file] = [join(home, 'scratch.disk'), join(home, 'crashed.disk')];
  const violations: string[] = [];
  const kinds = new Map<string, number>();
  let states = 0;
  const cleanUp = cleanUpWith('! mountpoint -q "$1" || umount "$1"', recorded.mountpoint);
  const first = recorded.milestones[step]?.position ?? 0;
  try {
    for (const state of crashStates({ base, scratch, entries, first }, count, random)) {
      state.build(file);
      const found = await judgeCut(engine, file, recorded, state);
      states += 1;
      kinds.set(state.kind, (kinds.get(state.kind) ?? 0) + 1);
      violations.push(...found.map((text) => `cut after ${state.after} (${state.kind}): ${text}`));
      if (violations.length >= enough) break;
    }
  } finally {
    await cleanUp.now();
  }
  for (const path of [scratch, file]) rmSync(path, { force: true });
  return { states, kinds, violations };
}

async function judgeCut(
  engine: Engine,
  file: string,
  { recording, milestones, mountpoint, repository, source }: Recorded,
  { after }: CrashState,
): Promise<readonly string[]> {
  const reached = milestones.findLastIndex(({ position }) => position <= after);
  const old = milestones[reached]?.state ?? new Map();
  const goal = milestones[reached + 1]?.state ?? old;
  const wasInitialised = reached > 0;
  return withCrashed(recording.type, file, mountpoint, async (problem) => {
    if (problem !== undefined) return [`the filesystem cannot be mounted: ${problem}`];
    const { config } = layoutOf(repository);
    if (wasInitialised && !existsSync(config)) return ['the configuration is gone'];
    const expectation = { old, goals: [goal], mayAppear: () => false };
    return judgeRepository(engine, repository, expectation, () => heal(engine, repository, source));
  });
}

async function heal(engine: Engine, repository: string, source: string): Promise<void> {
  // A backup is taken although not all could be purged; here that is a failure.
  const complaints: string[] = [];
  const log: Log = (_level, message) => {
    if (/^not all leftovers were purged|^the purge is left| stays where it is: /.test(message))
      complaints.push(message);
  };
  const context = createContext(repository, { engine: async () => engine, log });
  if (!existsSync(context.layout.config)) await init(context, { type: 'file', filename: source });
  if (!(await backup(context, { tags: ['manual:healed'] }))) throw new Error('the backup did nothing');
  if (complaints.length > 0) throw new Error(complaints.join('; '));
}
