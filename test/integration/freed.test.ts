import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadEngine } from '../../src/native/load-engine.ts';
import { KIB, MIB, randomBytes, writeAt } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { type LoopFilesystem, needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';

/** What the filesystem takes and gives for its own trees. */
const slackBytes = MIB / 4;
const granuleBytes = 16 * KIB;
const granules = 128;

/**
 * Generation n is a clone of the one before, with a third of its granules overwritten, in turn: those of 1 live on in
 * 2 and 3, and 4 overwrites them.
 */
const steps: readonly Step[] = [
  { remove: ['g1'], measured: 0, freed: 0 },
  { remove: ['g2', 'g3'], measured: granules, freed: granules },
  // btrfs keeps an extent until the last file that has any part of it is gone, XFS only what is referred to.
  {
    remove: ['alone', 'g0'],
    measured: { btrfs: 320, xfs: 320 + 3 * granules },
    freed: { btrfs: 320, xfs: 320 + 3 * granules },
  },
  // What was dead in the extents for long goes with the rest of them: no map shows it.
  {
    remove: ['missing', 'g4', 'g5', 'g6'],
    measured: 4 * granules + 2 * granules,
    freed: { btrfs: 4 * granules + 5 * granules, xfs: 4 * granules + 2 * granules },
  },
];

/** Granules, on either filesystem or on each. */
type Expected = number | Readonly<Record<'btrfs' | 'xfs', number>>;

interface Step {
  readonly remove: readonly string[];
  readonly measured: Expected;
  readonly freed: Expected;
}

for (const type of ['btrfs', 'xfs'] as const) {
  describeWith(needsOf(type), `space that removing frees on ${type}`, () => {
    const filesystem = useFilesystem(type);

    it('is what it was measured to be', async () => {
      const scratch = filesystem.scratch();
      const engine = await loadEngine();
      const path = (name: string): string => join(scratch, name);
      const names = await makeGenerations(scratch);
      for (const { remove, ...expected } of steps) {
        const bytesOf = (granules: Expected): number =>
          (typeof granules === 'number' ? granules : granules[type]) * granuleBytes;
        for (const name of remove) names.delete(name);
        const files = { remove: remove.map(path), keep: [...names].map(path) };
        const { bytes, estimated, reason = '' } = await engine.measureFreed(files);
        const before = await freeBytes(filesystem);

        for (const name of files.remove) rmSync(name, { force: true });

        const freed = (await freeBytes(filesystem)) - before;
        expect(bytes, remove.join()).toBe(bytesOf(expected.measured));
        expect(Math.abs(freed - bytesOf(expected.freed)), remove.join()).toBeLessThan(slackBytes);
        expect([estimated, reason]).toEqual([
          type === 'btrfs' && bytes > 0,
          expect.stringContaining(estimated ? 'whole' : ''),
        ]);
      }
    });
  });
}

async function makeGenerations(scratch: string): Promise<Set<string>> {
  const path = (name: string): string => join(scratch, name);
  writeFileSync(path('g0'), randomBytes(granules * 4 * granuleBytes));
  writeFileSync(path('alone'), randomBytes(320 * granuleBytes));
  await mustRun('sync', ['--file-system', scratch]);
  for (let n = 1; n <= 6; n += 1) {
    await mustRun('cp', ['--reflink=always', path(`g${n - 1}`), path(`g${n}`)]);
    for (let granule = 0; granule < granules; granule += 1) {
      writeAt(path(`g${n}`), (granule * 4 + (n % 3)) * granuleBytes, randomBytes(granuleBytes));
    }
    await mustRun('sync', ['--file-system', scratch]);
  }
  return new Set(['alone', 'g0', 'g1', 'g2', 'g3', 'g4', 'g5', 'g6']);
}

/** Going read-only waits for what XFS frees in the background. */
async function freeBytes(filesystem: LoopFilesystem): Promise<number> {
  await filesystem.remount('ro');
  await filesystem.remount('rw');
  const { bavail, bsize } = statfsSync(filesystem.directory);
  return bavail * bsize;
}
