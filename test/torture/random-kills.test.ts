import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { loadEngine } from '../../src/native/load-engine.ts';
import { isLong, PATIENCE_MS, pointsOr, randomFor, report } from './scale.ts';
import { describeWith, needsOf, start, testSeed, useFilesystem } from './tests.ts';
import { type Scene, sceneBuilder } from './workloads/scene.ts';
import { judge, judgeTarget, refer, TRIALS, type Trial } from './workloads/trials.ts';

const types = ['btrfs', 'xfs'] as const;
const trials = TRIALS.filter(({ killedBefore }) => !killedBefore);
/** Kills of one command on one filesystem. */
const each = Math.ceil(pointsOr(30) / trials.length / types.length);
/** Some runs end before they are killed; if most of them do, the moments are badly chosen. */
const MOST_RUNS = 4;

describeWith(
  needsOf(...types),
  `SIGKILL at random times, with all threads (BACKY_TEST_SEED=${testSeed})`,
  () => {
    const filesystems = types.map((type) => useFilesystem(type));

    it(
      'leaves the old state or the new one, and the next run succeeds (I4, I23, F2)',
      async () => {
        const lanes = filesystems.map(async ({ type, scratch }) => {
          const build = sceneBuilder(await loadEngine(), scratch(), randomFor(`random kills ${type}`));
          for (const trial of trials) await killAtRandom({ type, build }, trial);
        });
        await Promise.all(lanes);
      },
      PATIENCE_MS,
    );
  },
);

async function killAtRandom(
  { type, build }: { readonly type: string; readonly build: ReturnType<typeof sceneBuilder> },
  trial: Trial,
): Promise<void> {
  const engine = await loadEngine();
  const random = randomFor(`random kills ${type} ${trial.name}`);
  const scene = await build(trial.scene);
  scene.reset();
  let wholeMs = await runFor(trial, scene, Number.POSITIVE_INFINITY);
  const reference = await refer(engine, trial, scene);
  const found: string[] = [];
  let [kills, runs] = [0, 0];
  for (; kills < each && runs < MOST_RUNS * each; runs += 1) {
    scene.reset();
    // Node alone takes the first part of that time.
    const afterMs = wholeMs * (0.4 + 0.65 * random());
    const tookMs = await runFor(trial, scene, afterMs);
    if (tookMs === afterMs) kills += 1;
    // The machine may be less busy by now.
    else wholeMs = (wholeMs + tookMs) / 2;
    const violations = [...judgeTarget(trial, scene), ...(await judge(engine, trial, scene, reference))];
    found.push(...violations.map((text) => `${trial.name}, after ${Math.round(afterMs)} ms: ${text}`));
  }
  report('random-kills', {
    filesystem: type,
    command: trial.name,
    runs,
    kills,
    violations: found.length,
  });
  expect(found).toEqual([]);
  if (isLong) expect(kills, trial.name).toBe(each);
}

/** Runs a trial until it ends or is killed; returns milliseconds, exactly `afterMs` for one that was killed. */
async function runFor(trial: Trial, scene: Scene, afterMs: number): Promise<number> {
  const [program = '', ...args] = trial.command(scene);
  const startedMs = performance.now();
  const running = start(program, args);
  const ended = running.outcome.then(() => true);
  const hasEnded = await Promise.race([ended, afterMs === Number.POSITIVE_INFINITY ? ended : sleep(afterMs)]);
  if (!hasEnded) running.signal('SIGKILL');
  const { exitCode } = await running.outcome;
  return exitCode === 137 ? afterMs : performance.now() - startedMs;
}
