import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { statusLines } from '../../../src/cli/ui/status-table.ts';
import { backup } from '../../../src/operations/backup/backup.ts';
import { distrust } from '../../../src/operations/records/distrust.ts';
import { forget } from '../../../src/operations/removal/forget.ts';
import { undelete } from '../../../src/operations/removal/undelete.ts';
import { find } from '../../../src/operations/status/find.ts';
import { status } from '../../../src/operations/status/status.ts';
import { makeRecord } from '../records.ts';
import { type Workbench, workbench } from './workbench.ts';

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
const START_MS = Date.UTC(2026, 2, 1);

async function take(bench: Workbench, ms: number): Promise<string> {
  bench.now = new Date(ms);
  const { record } = (await backup(bench.context, { tags: ['manual:x'] })) ?? expect.unreachable();
  return record.uuid;
}

const ids = async (bench: Workbench): Promise<readonly string[]> =>
  (await status(bench.context)).revisions.map(({ uuid }) => uuid);

describe('whatever the clock shows', () => {
  it('revisions are in the order in which they were taken', async () => {
    const jump = fc.constantFrom(HOUR_MS, -HOUR_MS, 10 * YEAR_MS, -10 * YEAR_MS, 0, 1);
    await fc.assert(
      fc.asyncProperty(fc.array(jump, { minLength: 2, maxLength: 8 }), async (jumps) => {
        const bench = workbench();
        const taken: string[] = [];
        let ms = START_MS;
        for (const step of jumps) {
          ms += step;
          taken.push(await take(bench, ms));
        }
        expect(await ids(bench)).toEqual(taken);
        expect([...taken].sort()).toEqual(taken);
        const newest = taken.at(-1);
        expect(bench.last()).toBe(newest);
        for (const spec of ['last', 'latest', '0'])
          expect((await find(bench.context, spec)).record.uuid).toBe(newest);
        expect((await find(bench.context, 'first')).record.uuid).toBe(taken[0]);
        expect((await find(bench.context, '1')).record.uuid).toBe(taken.at(-2));
        const { revisions } = await status(bench.context);
        expect(revisions.map(({ parent }) => parent)).toEqual([null, ...taken.slice(0, -1)]);
      }),
      { numRuns: 15 },
    );
  });

  it('timestamps stay what the clock showed, and one that lies in the future is told of', async () => {
    const bench = workbench();
    await take(bench, START_MS + YEAR_MS);
    await take(bench, START_MS);
    const shown = await status(bench.context);
    expect(shown.revisions.map(({ timestamp }) => Date.parse(timestamp))).toEqual([
      START_MS + YEAR_MS,
      START_MS,
    ]);
    expect(shown.summary.future).toBe(1);
    expect(statusLines(shown)).toContain('1 revision dated in the future: check the clock of this machine');
    bench.now = new Date(START_MS + 2 * YEAR_MS);
    expect((await status(bench.context)).summary.future).toBeUndefined();
  });

  it('gaps, doubts and the trash change nothing about it', async () => {
    const bench = workbench();
    const ahead = await take(bench, START_MS + YEAR_MS);
    const next = await take(bench, START_MS);
    const third = await take(bench, START_MS + HOUR_MS);
    await forget(bench.context, { revisions: next });
    await distrust(bench.context, ahead);
    const fourth = await take(bench, START_MS + 2 * HOUR_MS);
    await forget(bench.context, { revisions: ahead });
    const fifth = await take(bench, START_MS + 3 * HOUR_MS);
    expect(await ids(bench)).toEqual([third, fourth, fifth]);
    await undelete(bench.context, 'all');
    expect(await ids(bench)).toEqual([ahead, next, third, fourth, fifth]);
  });

  it('the last good revision is the one that was taken last, also after a Python backy of the future', async () => {
    const bench = workbench();
    const timestamp = new Date(START_MS + YEAR_MS).toISOString();
    bench.add(makeRecord({ uuid: 'asErgTHJaw2WmhFbBVxEPB', timestamp }));
    const newest = await take(bench, START_MS);
    expect(bench.last()).toBe(newest);
    expect(await ids(bench)).toEqual(['asErgTHJaw2WmhFbBVxEPB', newest]);
  });
});
