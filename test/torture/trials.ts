import { existsSync, readFileSync } from 'node:fs';
import type { Engine } from '../../src/native/engine.ts';
import { backup } from '../../src/operations/backup.ts';
import { createContext, openContext } from '../../src/operations/context.ts';
import { init } from '../../src/operations/init.ts';
import { restore } from '../../src/operations/restore.ts';
import { layoutOf } from '../../src/repository/layout.ts';
import { lockForRemoving, lockForWriting } from '../../src/repository/lock.ts';
import { PROGRAM } from '../helpers/repository.ts';
import type { Scene, SceneOptions } from './scene.ts';
import { type Known, lastOf, readState, type State, strayFiles, type Violations } from './state.ts';

/** A command that is interrupted, and where. */
export interface Trial {
  /** As it is called in the table. */
  readonly name: string;
  readonly scene: SceneOptions;
  readonly command: (scene: Scene) => readonly string[];
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
  { name: 'forget', scene: { history: 'old' }, command: onRepository('forget', '-r', '4..1') },
  { name: 'expire', scene: { history: 'old', expiring: true }, command: onRepository('expire', '--yes') },
  { name: 'purge', scene: { history: 'old' }, command: onRepository('purge') },
  { name: 'tags', scene: { history: 'old' }, command: onRepository('tags', 'add', '-r', 'all', 'manual:more') },
  { name: 'undelete', scene: { history: 'old' }, command: onRepository('undelete', '-r', 'all') },
  {
    name: 'restore, new file',
    scene: { history: 'old' },
    command: (scene) => onRepository('restore', scene.target)(scene),
  },
  {
    name: 'restore, existing',
    scene: { history: 'old', occupied: true },
    command: (scene) => onRepository('restore', '-r', '1', scene.target)(scene),
  },
];

/** What an uninterrupted run of a trial leads to, after the run that comes next. */
export interface Reference {
  readonly state: State;
  /** The contents of revisions that may appear. */
  readonly newDigests: ReadonlySet<string>;
}

/** The run that comes next, whatever happened before: the same again for what is made anew, or else a backup. */
export async function heal(engine: Engine, { name }: Trial, scene: Scene): Promise<void> {
  const { repository, source, target } = scene;
  if (!existsSync(layoutOf(repository).config)) {
    const context = createContext(repository, { engine: async () => engine });
    await init(context, { type: 'file', filename: source });
  }
  const context = await openContext(repository, { engine: async () => engine });
  if (name === 'restore, new file' && !existsSync(target)) await restore(context, { target });
  if (name === 'restore, existing') await restore(context, { target, revision: '1' });
  const done = await backup(context, { tags: ['manual:healed'] });
  if (!done) throw new Error('the next backup did nothing');
}

/** Runs a trial to its end, so that interrupted runs can be compared with it. */
export async function refer(engine: Engine, trial: Trial, scene: Scene): Promise<Reference> {
  const violations: Violations = [];
  await heal(engine, trial, scene);
  const state = await readState(engine, scene.repository, { settled: true, violations });
  if (violations.length > 0) throw new Error(`${trial.name}: ${violations.join('; ')}`);
  const added = [...state].filter(([uuid]) => !scene.state.has(uuid));
  return { state, newDigests: new Set(added.map(([, { digest }]) => digest)) };
}

/** Everything that must hold right after a run was interrupted, and after the one that comes next. */
export async function judge(
  engine: Engine,
  trial: Trial,
  scene: Scene,
  reference: Reference,
): Promise<Violations> {
  const violations: Violations = [];
  const { repository } = scene;
  if (existsSync(repository)) {
    const state = await readState(engine, repository, { settled: false, violations });
    checkListed(state, scene, reference, violations);
    checkLast(state, scene, violations);
    checkLocks(engine, repository, violations);
  }
  checkTarget(trial, scene, violations);
  try {
    await heal(engine, trial, scene);
  } catch (error) {
    violations.push(`the next run failed: ${String(error)}`);
    return violations;
  }
  const state = await readState(engine, repository, { settled: true, violations });
  checkListed(state, scene, reference, violations);
  checkLast(state, scene, violations);
  checkNoneLost(state, scene, reference, violations);
  for (const name of strayFiles(repository, state)) violations.push(`${name} was left behind`);
  return violations;
}

/** Every revision is what it was or what it was to become, and a new one is complete. */
function checkListed(state: State, scene: Scene, reference: Reference, violations: Violations): void {
  for (const [uuid, now] of state) {
    const old = scene.state.get(uuid);
    if (!old) {
      if (!reference.newDigests.has(now.digest)) violations.push(`${uuid} is new and not the source`);
      if (now.badCount > 0) violations.push(`${uuid} is new and bad`);
      continue;
    }
    const goal = reference.state.get(uuid) ?? old;
    const isOne = (key: keyof Known): boolean => now[key] === old[key] || now[key] === goal[key];
    for (const key of ['place', 'tags', 'trust'] as const)
      if (!isOne(key)) violations.push(`${uuid}: ${key} is ${now[key]}, not ${old[key]} or ${goal[key]}`);
    // Not even what is being removed may change.
    for (const key of ['digest', 'size', 'badCount'] as const)
      if (now[key] !== old[key]) violations.push(`${uuid}: ${key} is ${now[key]}, not ${old[key]}`);
  }
}

function checkLast(state: State, scene: Scene, violations: Violations): void {
  const last = lastOf(scene.repository);
  const known = last === undefined ? undefined : state.get(last);
  const hadOne = [...scene.state.values()].some(({ place }) => place === 'repository');
  if (last === undefined ? hadOne : known?.place !== 'repository')
    violations.push(`last leads to ${last ?? 'nothing'}`);
}

function checkLocks(engine: Engine, repository: string, violations: Violations): void {
  const layout = layoutOf(repository);
  if (!existsSync(layout.config)) return;
  try {
    lockForWriting(engine, layout).release();
    lockForRemoving(engine, layout).release();
  } catch (error) {
    violations.push(`a lock is held: ${String(error)}`);
  }
}

/** Only the run that was to remove a revision for good may have done so. */
function checkNoneLost(state: State, scene: Scene, reference: Reference, violations: Violations): void {
  for (const uuid of scene.state.keys())
    if (!state.has(uuid) && reference.state.has(uuid)) violations.push(`${uuid} is lost`);
}

/** A new file that was restored appears when it is complete. */
function checkTarget(trial: Trial, scene: Scene, violations: Violations): void {
  if (trial.name !== 'restore, new file' || !existsSync(scene.target)) return;
  const last = `${scene.repository}/last`;
  if (!readFileSync(scene.target).equals(readFileSync(last)))
    violations.push('the restored file is not the revision');
}
