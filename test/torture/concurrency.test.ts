import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { loadEngine } from '../../src/native/load-engine.ts';
import { layoutOf } from '../../src/repository/layout.ts';
import { withRemovalLock, withWriterLock } from '../../src/repository/lock.ts';
import { readState, type State, strayFiles } from './judge/state.ts';
import { PATIENCE_MS, pointsOr, randomFor, report } from './scale.ts';
import { describeWith, needsOf, testSeed, useFilesystem } from './tests.ts';
import { createScene, type Scene } from './workloads/scene.ts';
import { heal } from './workloads/trials.ts';
import { type Answer, hire, type Worker } from './workloads/workers.ts';

const types = ['btrfs', 'xfs'] as const;
const ORDERS = ['backup', 'verify', 'restore', 'forget', 'expire', 'purge', 'tags', 'undelete'] as const;
const pairs = ORDERS.flatMap((one, index) => ORDERS.slice(index).map((other) => [one, other] as const));
/** Interleavings of one pair on one filesystem. */
const each = pointsOr(1);
/** Nothing here takes anything like it. */
const DEADLOCK_MS = 120_000;

/** Valid answers of a command that came second, or whose revisions another one took away. */
const FAIR = ['ok', 'BACKY_LOCKED', 'BACKY_REVISION_UNKNOWN', 'BACKY_NOT_IN_TRASH'];

describeWith(needsOf(...types), `two commands at a time (BACKY_TEST_SEED=${testSeed})`, () => {
  const filesystems = types.map((type) => useFilesystem(type));

  it(
    `do no harm to each other: ${pairs.length} pairs, stopped and continued at random (I23, I24, F13)`,
    async () => {
      await Promise.all(filesystems.map(({ type, scratch }) => tryPairs(type, scratch())));
    },
    PATIENCE_MS,
  );

  it(
    'a child of a writer that was killed does not keep its locks (I23)',
    async () => {
      const engine = await loadEngine();
      const scene = await createScene(engine, filesystems[0]?.scratch() ?? '', randomFor('orphans'), {
        history: 'new',
      });
      for (let count = 0; count < Math.max(3, Math.min(each, 20)); count += 1) {
        scene.reset();
        const worker = hire();
        const { code, pid = 0 } = await worker.obey({ ...placesOf(scene), order: 'backup', child: true });
        await worker.end();
        try {
          expect(code).toBe('child');
          expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('sleep');
          await withWriterLock(engine, layoutOf(scene.repository), async () => {});
          await withRemovalLock(engine, layoutOf(scene.repository), async () => {});
        } finally {
          process.kill(pid, 'SIGKILL');
        }
      }
    },
    PATIENCE_MS,
  );
});

async function tryPairs(type: string, home: string): Promise<void> {
  const engine = await loadEngine();
  const random = randomFor(`concurrency ${type}`);
  const scene = await createScene(engine, home, random, { history: 'old', expiring: true });
  const workers = [hire(), hire()] as const;
  try {
    for (const pair of pairs) {
      const seen = new Map<string, number>();
      const found: string[] = [];
      for (let count = 0; count < each; count += 1) {
        scene.reset();
        const answers = await interleave(scene, workers, pair, random);
        for (const { code } of answers) seen.set(code, (seen.get(code) ?? 0) + 1);
        found.push(...(await judgePair(scene, pair, answers)));
      }
      const answers = [...seen].map(([code, count]) => `${count} ${code.replace('BACKY_', '')}`).join(', ');
      const row = { filesystem: type, pair: pair.join(' + '), runs: each, answers };
      report('concurrency', { ...row, violations: found.length });
      expect(found).toEqual([]);
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
  }
}

function placesOf({ repository, target, directory }: Scene) {
  return { directory: repository, target, diary: join(directory, 'diary') };
}

/** Starts both, the second a little later, and stops and continues them at random until both have answered. */
async function interleave(
  scene: Scene,
  workers: readonly [Worker, Worker],
  pair: readonly [string, string],
  random: () => number,
): Promise<readonly Answer[]> {
  let isOver = false;
  const order = async (index: 0 | 1): Promise<Answer> => {
    const { target, ...places } = placesOf(scene);
    if (index === 1) await sleep(random() * 12);
    return workers[index].obey({ ...places, target: `${target}-${index}`, order: pair[index] });
  };
  const both = Promise.all([order(0), order(1)]).finally(() => {
    isOver = true;
  });
  const meddle = async (): Promise<void> => {
    const startedMs = performance.now();
    while (!isOver) {
      const worker = workers[random() < 0.5 ? 0 : 1];
      await sleep(random() * 6);
      worker.signal('SIGSTOP');
      await sleep(random() * 15);
      worker.signal('SIGCONT');
      if (performance.now() - startedMs > DEADLOCK_MS) throw new Error(`${pair.join(' and ')} wait for ever`);
    }
  };
  const [answers] = await Promise.all([both, meddle()]);
  return answers;
}

async function judgePair(
  scene: Scene,
  pair: readonly [string, string],
  answers: readonly Answer[],
): Promise<readonly string[]> {
  const engine = await loadEngine();
  const violations: string[] = [];
  for (const { code, message } of answers) if (!FAIR.includes(code)) violations.push(`${code}: ${message}`);
  if (answers.every(({ code }) => code === 'BACKY_LOCKED')) violations.push('neither could work');
  checkTargets(scene, pair, answers, violations);
  checkDiary(scene, violations);
  await heal(engine, { name: 'pair', scene: { history: 'old' }, command: () => [] }, scene);
  const state = await readState(engine, scene.repository, { settled: true, violations });
  checkKept(scene.state, state, pair, violations);
  for (const name of strayFiles(scene.repository, state)) violations.push(`${name} was left behind`);
  return violations.map((text) => `${pair.join(' + ')}: ${text}`);
}

/** Checks that the restored file equals one of the revisions. */
function checkTargets(
  { target, repository }: Scene,
  pair: readonly string[],
  answers: readonly Answer[],
  violations: string[],
): void {
  for (const [index, { code }] of answers.entries()) {
    const path = `${target}-${index}`;
    const isDone = pair[index] === 'restore' && code === 'ok';
    if (isDone !== existsSync(path)) violations.push(`${path} should ${isDone ? '' : 'not '}be there`);
    if (!isDone) continue;
    const restored = readFileSync(path);
    rmSync(path);
    // A backup may have moved `last` since.
    if (!pair.includes('backup') && !restored.equals(readFileSync(join(repository, 'last'))))
      violations.push('what was restored is not the last revision');
  }
}

/** One writer at a time: from its first word to its seal no other one says anything of a backup. */
function checkDiary({ directory }: Scene, violations: string[]): void {
  const path = join(directory, 'diary');
  let writer: string | undefined;
  for (const line of existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []) {
    const [pid] = line.split(' ');
    const isStart = line.includes(' backing up ');
    const isEnd = line.includes(' sealed ');
    if (!isStart && !isEnd) continue;
    if (writer !== undefined && writer !== pid) violations.push(`two writers at a time: ${line}`);
    writer = isStart ? pid : undefined;
  }
}

/** Every revision is somewhere, unchanged, unless it was purged. */
function checkKept(before: State, after: State, pair: readonly string[], violations: string[]): void {
  for (const [uuid, known] of before) {
    const now = after.get(uuid);
    if (!now) {
      if (!pair.includes('purge')) violations.push(`${uuid} is lost`);
    } else if (now.digest !== known.digest || now.badCount !== known.badCount) {
      violations.push(`${uuid} has changed`);
    }
  }
  for (const [uuid, { badCount }] of after) if (badCount > 0) violations.push(`${uuid} is bad`);
}
