import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadEngine } from '../../src/native/load-engine.ts';
import { cutPower, type Recorded } from './disk/cut-power.ts';
import { type RecordedType, recordFilesystem, recordingNeeds } from './disk/recorded-filesystem.ts';
import { PATIENCE_MS, pointsOr, randomFor, report } from './scale.ts';
import { describeWith, needsOf, testSeed, useFilesystem } from './tests.ts';
import { type Milestone, makeSource, runWorkload, WORKLOAD } from './workloads/workload.ts';

const types = ['btrfs', 'xfs'] as const;
/** On each filesystem. */
const points = pointsOr(60);

describeWith([...recordingNeeds, ...needsOf(...types)], `power cuts (BACKY_TEST_SEED=${testSeed})`, () => {
  // Disks are cloned on it, which takes no time.
  const outer = useFilesystem('xfs', 4096);

  it(
    'lose nothing that was reported as success, and damage nothing else (I3, I4, I5, F3)',
    async () => {
      const lanes = types.flatMap(async (type) => {
        for (const place of ['inside', 'outside'] as const) await cutOn(outer.scratch(), type, place);
      });
      await Promise.all(lanes);
    },
    PATIENCE_MS,
  );
});

/**
 * @param place where the source lies: inside of the filesystem it is cloned, and its snapshots suffer the cut as well
 */
async function cutOn(home: string, type: RecordedType, place: 'inside' | 'outside'): Promise<void> {
  const recorded = await recordWorkload(home, type, place);
  const { states, kinds, violations } = await cutPower(await loadEngine(), home, recorded, {
    count: points / 2,
    random: randomFor(`cuts ${type} ${place}`),
    enough: 20,
  });
  const { entries } = recorded.recording;
  const flushes = entries.filter(({ kind }) => kind === 'flush').length;
  const writes = entries.length - flushes;
  const row = { filesystem: type, source: place, writes, flushes, states };
  report('power-cuts', { ...row, ...Object.fromEntries(kinds), violations: violations.length });
  expect(violations).toEqual([]);
  expect(states).toBe(points / 2);
}

async function recordWorkload(
  home: string,
  type: RecordedType,
  place: 'inside' | 'outside',
): Promise<Recorded> {
  let milestones: readonly Milestone[] = [];
  const mountpoint = join(home, 'mnt');
  const outside = join(home, 'outside');
  mkdirSync(outside);
  const source = join(place === 'inside' ? mountpoint : outside, 'disk.img');
  const repository = join(mountpoint, 'repository');
  const recording = await recordFilesystem(home, type, async (_mountpoint, position) => {
    await makeSource(source);
    milestones = await runWorkload(WORKLOAD, { repository, source }, position);
  });
  return { recording, milestones, mountpoint, repository, source };
}
