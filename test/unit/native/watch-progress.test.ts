import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Progress } from '#native';
import { watchProgress } from '../../../src/native/watch-progress.ts';

/** Returns the reports to an observer of counters that go through some states, one every interval. */
function observe(states: readonly Progress[], hasSucceeded = true): readonly Progress[] {
  vi.useFakeTimers();
  const seen: Progress[] = [];
  let now = 0;
  const last = states.length - 1;
  const read = (): Progress => states[Math.min(now, last)] ?? { total: 0, done: 0, changed: 0 };
  const watch = watchProgress(
    read,
    (progress) => void seen.push(progress),
    () => {},
  );
  for (; now < last; now += 1) vi.advanceTimersByTime(200);
  watch.finish(hasSucceeded);
  watch.stop();
  return seen;
}

const states = fc
  .array(fc.record({ total: fc.nat(2 ** 40), done: fc.nat(2 ** 40), changed: fc.nat() }), { minLength: 1 })
  .map((steps) => {
    let [total, done, changed] = [0, 0, 0];
    return steps.map((step): Progress => {
      total += step.total;
      done = Math.min(total, done + step.done);
      changed += step.changed;
      return { total, done, changed };
    });
  });

describe('progress', () => {
  it('announces the whole work first, never goes back, and ends with all of it', () => {
    onTestFinished(() => void vi.useRealTimers());
    fc.assert(
      fc.property(states, (counters) => {
        const seen = observe(counters);
        const totals = new Set(seen.map(({ total }) => total));
        expect(totals.size).toBe(1);
        for (const [number, { done, total }] of seen.entries()) {
          expect(done).toBeGreaterThanOrEqual(seen[number - 1]?.done ?? 0);
          expect(done).toBeLessThanOrEqual(total);
        }
        expect(seen.at(-1)).toMatchObject({ done: seen[0]?.total });
      }),
    );
  });

  it('is as the counters say while the total stays', () => {
    onTestFinished(() => void vi.useRealTimers());
    const counters = [0, 25, 50, 100].map((done) => ({ total: 100, done, changed: 0 }));
    expect(observe(counters)).toEqual(counters);
  });

  it('does not claim all of it after a failure', () => {
    onTestFinished(() => void vi.useRealTimers());
    expect(observe([{ total: 100, done: 30, changed: 0 }], false)).toEqual([
      { total: 100, done: 30, changed: 0 },
    ]);
  });
});
