import { expect, it } from 'vitest';
import { loadEngine } from '../../src/native/load-engine.ts';
import { isLong, isWanted, PATIENCE_MS, pointsOr, randomFor, report, spread } from './scale.ts';
import { describeWith, needsOf, testSeed, useFilesystem } from './tests.ts';
import { type Calls, callsNeeds, compileCalls } from './tracer/calls.ts';
import { type Scene, sceneBuilder } from './workloads/scene.ts';
import { judge, judgeTarget, refer, TRIALS, type Trial } from './workloads/trials.ts';

const types = ['btrfs', 'xfs'] as const;
/** In the short form one kill after a kill is enough. */
const trials = TRIALS.filter(
  ({ name, killedBefore }) => isWanted(name) && (isLong || !killedBefore || name.includes('killed forget')),
);
/** For one command on one filesystem. */
const points = pointsOr(5);

describeWith(
  [...needsOf(...types), ...callsNeeds],
  `SIGKILL at every call that changes something (BACKY_TEST_SEED=${testSeed})`,
  () => {
    const filesystems = types.map((type) => useFilesystem(type));

    it(
      'leaves the old state or the new one, and the next run succeeds (I2, I4, I13, F1)',
      async () => {
        const lanes = filesystems.map(async ({ type, scratch }) => {
          const calls = await compileCalls(scratch());
          const build = sceneBuilder(await loadEngine(), scratch(), randomFor(`kills ${type}`));
          for (const trial of trials) await killEverywhere(calls, { type, build }, trial);
        });
        await Promise.all(lanes);
      },
      PATIENCE_MS,
    );
  },
);

/** One kill for each call of the command, each from the same beginning. */
async function killEverywhere(
  calls: Calls,
  { type, build }: { readonly type: string; readonly build: ReturnType<typeof sceneBuilder> },
  trial: Trial,
): Promise<void> {
  const engine = await loadEngine();
  // A command that was killed before belongs to one trial only.
  const begin = await build(trial.scene, trial.killedBefore && trial.name);
  const scene = trial.killedBefore ? await killHalfway(calls, begin, trial.killedBefore(begin)) : begin;
  scene.reset();
  const command = trial.command(scene);
  const whole = await calls.run(scene.directory, command);
  expect(whole, trial.name).toMatchObject({ exitCode: trial.scene.damaged ? 1 : 0 });
  const reference = await refer(engine, trial, scene);
  const found: string[] = [];
  let [killed, missed] = [0, 0];
  for (const killAt of spread(whole.calls.length, points)) {
    scene.reset();
    const { exitCode } = await calls.run(scene.directory, command, { killAt });
    if (exitCode === 137) killed += 1;
    else missed += 1;
    const violations = [...judgeTarget(trial, scene), ...(await judge(engine, trial, scene, reference))];
    found.push(...violations.map((text) => `${trial.name}, call ${killAt}: ${text}`));
  }
  const row = { filesystem: type, command: trial.name, calls: whole.calls.length, kills: killed };
  report('kills', { ...row, violations: found.length });
  expect(found).toEqual([]);
  // A few calls depend on the moment; where many do, the points are not what they claim to be.
  expect(missed).toBeLessThanOrEqual(Math.ceil(points / 10));
}

/** The scene that a command leaves which was killed after half of its calls. */
async function killHalfway(calls: Calls, scene: Scene, command: readonly string[]): Promise<Scene> {
  const whole = await calls.run(scene.directory, command);
  scene.reset();
  const { exitCode } = await calls.run(scene.directory, command, {
    killAt: Math.ceil(whole.calls.length / 2),
  });
  expect(exitCode).toBe(137);
  return scene.fromNow();
}
