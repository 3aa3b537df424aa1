import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadEngine } from '../../src/native/load-engine.ts';
import { cutPower } from './disk/cut-power.ts';
import { type RecordedType, recordFilesystem, recordingNeeds } from './disk/recorded-filesystem.ts';
import { breaches } from './judge/order-rules.ts';
import { buildMutant, MUTANTS, type Mutant } from './mutants/mutants.ts';
import { isLong, PATIENCE_MS, pointsOr, randomFor, report } from './scale.ts';
import { describeWith, needsOf, PROGRAM, testSeed, useFilesystem } from './tests.ts';
import { callsNeeds, compileCalls } from './tracer/calls.ts';
import { type Milestone, makeSource, runWorkload, SHORT_WORKLOAD } from './workloads/workload.ts';

/** The number of disks after which a mutant counts as unnoticed. */
const points = pointsOr(20);
const types: readonly RecordedType[] = isLong ? ['btrfs', 'xfs'] : ['xfs'];
/** In the short form only these, besides the rules about the order of calls, which take no time. */
const SHORT = ['no fsync at all', 'image and index into the trash before the record'];

describeWith(
  [...recordingNeeds, ...callsNeeds, ...needsOf(...types, 'xfs')],
  `mutants that would lose data in a power cut (BACKY_TEST_SEED=${testSeed})`,
  () => {
    const outer = useFilesystem('xfs', 4096);
    const mutants = isLong ? MUTANTS : MUTANTS.filter(({ name }) => SHORT.includes(name));

    it.each(mutants)(
      'is noticed: $name',
      async (mutant) => {
        const results = [];
        for (const type of types) results.push(await tryMutant(outer.scratch(), type, mutant));
        const byRules = results.flatMap((result) => result.breaches);
        const row = Object.fromEntries(results.map(({ type, verdict }) => [type, verdict]));
        report('mutants', {
          mutant: mutant.name,
          command: mutant.command,
          ...row,
          order: byRules.length > 0 ? 'noticed' : '-',
        });
        expect([...byRules, ...results.flatMap(({ violations }) => violations)]).not.toEqual([]);
      },
      PATIENCE_MS,
    );

    it(
      'are told from the original',
      async () => {
        for (const command of ['init', 'backup', 'forget'] as const) {
          const original = { name: 'original', command };
          const { violations, breaches: found } = await tryMutant(outer.scratch(), 'xfs', original, PROGRAM);
          expect([...violations, ...found]).toEqual([]);
        }
      },
      PATIENCE_MS,
    );
  },
);

async function tryMutant(home: string, type: RecordedType, mutant: Mutant, program?: string) {
  const calls = await compileCalls(home);
  const mountpoint = join(home, 'mnt');
  const [repository, source] = [join(mountpoint, 'repository'), join(home, 'disk.img')];
  const found: string[] = [];
  const staging = {
    command: mutant.command,
    program: program ?? buildMutant(mutant, home),
    calls,
    interference: { skip: mutant.skip ?? [] },
    reportsBy: mutant.reportsBy,
    onCalls: (made: readonly string[]) => found.push(...breaches(made, repository)),
  };
  let milestones: readonly Milestone[] = [];
  await makeSource(source);
  // The mistakes of `init` show while there is nothing else yet; those of the others at the end of the workload, too.
  const last = SHORT_WORKLOAD.findLastIndex(({ args }) => args[0] === mutant.command);
  const recording = await recordFilesystem(home, type, async (_mountpoint, position) => {
    milestones = await runWorkload(
      SHORT_WORKLOAD.slice(0, last + 1),
      { repository, source },
      position,
      staging,
    );
  });
  const recorded = { recording, milestones, mountpoint, repository, source };
  const random = randomFor(`mutant ${mutant.name} ${type}`);
  const cut = { count: points, random, enough: 1, step: last };
  const { states, violations } = await cutPower(await loadEngine(), home, recorded, cut);
  const verdict = violations.length > 0 ? `disk ${states}` : `none of ${states}`;
  return { type, violations, breaches: found, verdict };
}
