import { existsSync } from 'node:fs';
import type { Engine } from '../../../src/native/engine.ts';
import { layoutOf } from '../../../src/repository/layout.ts';
import { withRemovalLock, withWriterLock } from '../../../src/repository/lock.ts';
import { type Known, lastOf, readState, type State, strayFiles, type Violations } from './state.ts';

/** The states that are valid after an interruption. */
export interface Expectation {
  /** The state before the interrupted run. It contains everything that was reported as success. */
  readonly old: State;
  /** The states after that run and after the next one. Each part of them may be reached or not. */
  readonly goals: readonly State[];
  /** Whether a revision that neither of them has may be there. */
  mayAppear(uuid: string, known: Known): boolean;
}

/**
 * Checks a repository right after an interruption and after the next run: every revision is in its old state or in the
 * new one, none is lost, none has changed, the locks are free, nothing is left behind.
 */
export async function judgeRepository(
  engine: Engine,
  repository: string,
  expectation: Expectation,
  heal: () => Promise<void>,
): Promise<Violations> {
  const violations: Violations = [];
  if (existsSync(repository)) {
    const state = await readState(engine, repository, { settled: false, violations });
    checkListed(state, expectation, violations);
    checkLast(repository, state, expectation, violations);
    await checkLocks(engine, repository, violations);
  }
  try {
    await heal();
  } catch (error) {
    return [...violations, `the next run failed: ${String(error)}`];
  }
  const state = await readState(engine, repository, { settled: true, violations });
  const healed: Expectation = { ...expectation, mayAppear: (_uuid, { tags }) => tags === 'manual:healed' };
  checkListed(state, { ...healed, mayAppear: either(healed, expectation) }, violations);
  checkLast(repository, state, expectation, violations);
  checkNoneLost(state, expectation, violations);
  for (const name of strayFiles(repository, state)) violations.push(`${name} was left behind`);
  return violations;
}

function either(one: Expectation, other: Expectation): Expectation['mayAppear'] {
  return (uuid, known) => one.mayAppear(uuid, known) || other.mayAppear(uuid, known);
}

/** Every revision is what it was or what it was to become, and a new one is complete. */
function checkListed(state: State, { old, goals, mayAppear }: Expectation, violations: Violations): void {
  for (const [uuid, now] of state) {
    const allowed = [old, ...goals].flatMap((each) => each.get(uuid) ?? []);
    const [before] = allowed;
    if (!before) {
      if (!mayAppear(uuid, now)) violations.push(`${uuid} (${now.tags}) should not be there`);
      if (now.badCount > 0) violations.push(`${uuid} is new and bad`);
      continue;
    }
    for (const key of ['place', 'tags', 'trust'] as const) {
      const values = [...new Set(allowed.map((each) => each[key]))];
      if (!values.some((value) => value === now[key]))
        violations.push(`${uuid}: ${key} is ${now[key]}, not ${values.join(' or ')}`);
    }
    // Not even a revision that is being removed may change.
    for (const key of ['digest', 'size', 'badCount'] as const)
      if (now[key] !== before[key]) violations.push(`${uuid}: ${key} is ${now[key]}, not ${before[key]}`);
  }
}

/** Checks that `last` leads to the newest revision of the old state or a new one, or to a new revision. */
function checkLast(
  repository: string,
  state: State,
  { old, goals }: Expectation,
  violations: Violations,
): void {
  const last = lastOf(repository);
  const allowed = [old, ...goals].map(newestOf);
  const isNew = last !== undefined && !old.has(last) && state.get(last)?.place === 'repository';
  if (!isNew && !allowed.includes(last))
    violations.push(`last leads to ${last ?? 'nothing'}, not to ${allowed.join(' or ')}`);
}

/** Ids of this backy sort by age. */
function newestOf(state: State): string | undefined {
  const isGood = ({ place, trust }: Known): boolean => place === 'repository' && trust !== 'distrusted';
  return [...state]
    .filter(([, known]) => isGood(known))
    .map(([uuid]) => uuid)
    .sort()
    .at(-1);
}

async function checkLocks(engine: Engine, repository: string, violations: Violations): Promise<void> {
  const layout = layoutOf(repository);
  if (!existsSync(layout.config)) return;
  try {
    await withWriterLock(engine, layout, async () => {});
    await withRemovalLock(engine, layout, async () => {});
  } catch (error) {
    violations.push(`a lock is held: ${String(error)}`);
  }
}

/** Checks that only revisions that the interrupted run removes for good are missing. */
function checkNoneLost(state: State, { old, goals }: Expectation, violations: Violations): void {
  for (const uuid of old.keys())
    if (!state.has(uuid) && goals.every((goal) => goal.has(uuid))) violations.push(`${uuid} is lost`);
}
