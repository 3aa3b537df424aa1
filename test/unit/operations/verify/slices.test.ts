import { expect, it } from 'vitest';
import { verify } from '../../../../src/operations/verify/verify.ts';
import { isoDay, makeRecord, revisionId } from '../../records.ts';
import { type Workbench, workbench } from '../workbench.ts';

const COUNT = 5;

function benchOfFive(): Workbench {
  const bench = workbench();
  for (let day = 0; day < COUNT; day += 1)
    bench.add(makeRecord({ uuid: revisionId(day), timestamp: isoDay(day), verifiedAt: null }));
  return bench;
}

it('gets round all revisions in slices, each of which says how many are left', async () => {
  const bench = benchOfFive();
  const seen: string[] = [];
  const left: number[] = [];
  for (let run = 0; run < 3; run += 1) {
    const { verdicts, remaining } = await verify(bench.context, {
      olderThan: 86_400_000,
      // Each revision has 1 MiB.
      sizeLimit: 2 << 20,
    });
    seen.push(...verdicts.map(({ uuid }) => uuid));
    left.push(remaining);
  }
  expect(seen).toEqual(Array.from({ length: COUNT }, (_, day) => revisionId(day)));
  expect(left).toEqual([3, 1, 0]);
});

it('verifies one revision however small the limit', async () => {
  const { verdicts, remaining } = await verify(benchOfFive().context, { sizeLimit: 1, newestFirst: true });
  expect([verdicts.map(({ uuid }) => uuid), remaining]).toEqual([[revisionId(4)], 4]);
});

it('begins no revision after its time', async () => {
  const bench = benchOfFive();
  let minutes = 0;
  const clock = (): Date => new Date(Date.parse(isoDay(9)) + (minutes++ * 60_000) / 4);
  const { verdicts, remaining } = await verify({ ...bench.context, clock }, { timeLimit: 60_000 });
  expect(verdicts.length).toBeGreaterThan(0);
  expect(verdicts.length + remaining).toBe(COUNT);
  expect(remaining).toBeGreaterThan(0);
});

it.each([{ olderThan: 0 }, { sizeLimit: -1 }, { timeLimit: 1.5 }, { timeLimit: Number.NaN }])(
  'refuses %o',
  async (options) => {
    await expect(verify(benchOfFive().context, options)).rejects.toMatchObject({
      code: 'BACKY_INVALID_ARGUMENT',
    });
  },
);
