import { existsSync, readFileSync } from 'node:fs';
import type { Engine } from '../../../src/native/engine.ts';
import { backup } from '../../../src/operations/backup/backup.ts';
import { createContext, openContext } from '../../../src/operations/context.ts';
import { init } from '../../../src/operations/init.ts';
import { restore } from '../../../src/operations/restore/restore.ts';
import { layoutOf } from '../../../src/repository/layout.ts';
import { type Expectation, judgeRepository } from '../judge/judge.ts';
import { readState, type State, type Violations } from '../judge/state.ts';
import { PROGRAM } from '../tests.ts';
import type { Scene, SceneOptions } from './scene.ts';

/** A command that is interrupted, and where. */
export interface Trial {
  /** As it is called in the table. */
  readonly name: string;
  readonly scene: SceneOptions;
  readonly command: (scene: Scene) => readonly string[];
  /** A command that was killed in the middle before this one began. */
  readonly killedBefore?: (scene: Scene) => readonly string[];
}

const onRepository =
  (...args: readonly string[]) =>
  ({ repository }: Scene): readonly string[] => [process.execPath, PROGRAM, '-b', repository, ...args];

/** Every command that changes something. */
export const TRIALS: readonly Trial[] = [
  {
    name: 'init',
    scene: { history: 'empty' },
    command: (scene) => onRepository('init', 'file', scene.source)(scene),
  },
  { name: 'first backup', scene: { history: 'new' }, command: onRepository('backup', 'manual:new') },
  {
    name: 'first backup, live',
    scene: { history: 'new', live: true },
    command: onRepository('backup', 'manual:new'),
  },
  { name: 'incremental', scene: { history: 'old' }, command: onRepository('backup', 'manual:new') },
  {
    name: 'incremental, live',
    scene: { history: 'old', live: true },
    command: onRepository('backup', 'manual:new'),
  },
  {
    name: 'unchanged',
    scene: { history: 'old', changed: false },
    command: onRepository('backup', 'manual:new'),
  },
  { name: 'verify', scene: { history: 'old' }, command: onRepository('verify') },
  {
    name: 'verify, bad block',
    scene: { history: 'old', damaged: true },
    command: onRepository('verify', '-r', 'last'),
  },
  { name: 'forget', scene: { history: 'old' }, command: onRepository('forget', '-r', 'not(last)') },
  { name: 'expire', scene: { history: 'old', expiring: true }, command: onRepository('expire', '--yes') },
  {
    name: 'backup that expires',
    scene: { history: 'old', expiring: true },
    command: onRepository('backup', 'manual:new'),
  },
  { name: 'hold', scene: { history: 'old' }, command: onRepository('hold', '-r', 'all', 'audit') },
  { name: 'purge', scene: { history: 'old' }, command: onRepository('purge') },
  {
    name: 'tags',
    scene: { history: 'old' },
    command: onRepository('tags', 'add', '-r', 'all', 'manual:more'),
  },
  { name: 'undelete', scene: { history: 'old' }, command: onRepository('undelete', '-r', 'all') },
  {
    name: 'restore, new file',
    scene: { history: 'old' },
    command: (scene) => onRepository('restore', scene.target)(scene),
  },
  {
    name: 'restore, new clone',
    scene: { history: 'old' },
    command: (scene) => onRepository('restore', '--clone', scene.target)(scene),
  },
  {
    name: 'restore, existing',
    scene: { history: 'old', occupied: true },
    command: (scene) => onRepository('restore', '-r', '1', scene.target)(scene),
  },
  {
    name: 'init after a killed init',
    scene: { history: 'empty' },
    killedBefore: (scene) => onRepository('init', 'file', scene.source)(scene),
    command: (scene) => onRepository('init', 'file', scene.source)(scene),
  },
  {
    name: 'backup after a killed backup',
    scene: { history: 'old', live: true },
    killedBefore: onRepository('backup', 'manual:killed'),
    command: onRepository('backup', 'manual:new'),
  },
  {
    name: 'backup after a killed forget',
    scene: { history: 'old' },
    killedBefore: onRepository('forget', '-r', 'not(last)'),
    command: onRepository('backup', 'manual:new'),
  },
  {
    name: 'undelete after a killed forget',
    scene: { history: 'old' },
    killedBefore: onRepository('forget', '-r', 'not(last)'),
    command: onRepository('undelete', '-r', 'all'),
  },
  {
    name: 'purge after a killed undelete',
    scene: { history: 'old' },
    killedBefore: onRepository('undelete', '-r', 'all'),
    command: onRepository('purge'),
  },
  {
    name: 'backup after a killed undelete',
    scene: { history: 'old' },
    killedBefore: onRepository('undelete', '-r', 'all'),
    command: onRepository('backup', 'manual:new'),
  },
  {
    name: 'purge after a killed purge',
    scene: { history: 'old' },
    killedBefore: onRepository('purge'),
    command: onRepository('purge'),
  },
  {
    name: 'verify after a killed expire',
    scene: { history: 'old', expiring: true },
    killedBefore: onRepository('expire', '--yes'),
    command: onRepository('verify'),
  },
];

/** The result of a trial that nothing interrupts. */
export interface Reference {
  /** At once, and after the run that comes next. */
  readonly states: readonly State[];
  /** The contents of revisions that may appear. */
  readonly newDigests: ReadonlySet<string>;
}

const makesTarget = ({ name }: Trial): boolean => name.startsWith('restore, new');

/** The run that comes next, whatever happened before: the same again for what is made anew, or else a backup. */
export async function heal(engine: Engine, trial: Trial, scene: Scene): Promise<void> {
  const { repository, source, target } = scene;
  if (!existsSync(layoutOf(repository).config)) {
    const context = createContext(repository, { engine: async () => engine });
    await init(context, { type: 'file', filename: source });
  }
  const context = await openContext(repository, { engine: async () => engine });
  if (makesTarget(trial) && !existsSync(target)) await restore(context, { target });
  if (trial.name === 'restore, existing') await restore(context, { target, revision: '1' });
  const done = await backup(context, { tags: ['manual:healed'] });
  if (!done) throw new Error('the next backup did nothing');
}

/** Looks at what a trial that ran to its end has led to, so that interrupted ones can be compared with it. */
export async function refer(engine: Engine, trial: Trial, scene: Scene): Promise<Reference> {
  const violations: Violations = [];
  const read = (): Promise<State> => readState(engine, scene.repository, { settled: true, violations });
  const atOnce = await read();
  await heal(engine, trial, scene);
  const states = [atOnce, await read()];
  if (violations.length > 0) throw new Error(`${trial.name}: ${violations.join('; ')}`);
  const added = states.flatMap((state) => [...state].filter(([uuid]) => !scene.state.has(uuid)));
  return { states, newDigests: new Set(added.map(([, { digest }]) => digest)) };
}

/** Everything that must hold right after a run was interrupted, and after the one that comes next. */
export async function judge(
  engine: Engine,
  trial: Trial,
  scene: Scene,
  reference: Reference,
): Promise<Violations> {
  const expectation: Expectation = {
    old: scene.state,
    goals: reference.states,
    mayAppear: (_uuid, { digest }) => reference.newDigests.has(digest),
  };
  const violations = await judgeRepository(engine, scene.repository, expectation, () =>
    heal(engine, trial, scene),
  );
  return [...violations];
}

/** A new file that was restored appears when it is complete. */
export function judgeTarget(trial: Trial, { target, repository }: Scene): Violations {
  if (!makesTarget(trial) || !existsSync(target)) return [];
  const isWhole = readFileSync(target).equals(readFileSync(`${repository}/last`));
  return isWhole ? [] : ['the restored file is not the revision'];
}
