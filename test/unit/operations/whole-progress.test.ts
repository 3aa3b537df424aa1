import { describe, expect, it } from 'vitest';
import type { Progress } from '../../../src/native/engine.ts';
import { wholeProgress } from '../../../src/operations/whole-progress.ts';

describe('the progress of several pieces', () => {
  it('adds up to the whole', () => {
    const seen: Progress[] = [];
    const [first, second] = wholeProgress((progress) => void seen.push(progress), [100, 300]);
    first?.({ total: 10, done: 5, changed: 1 });
    first?.({ total: 10, done: 10, changed: 2 });
    second?.({ total: 600, done: 300, changed: 4 });
    second?.({ total: 600, done: 600, changed: 8 });
    expect(seen).toEqual([
      { total: 400, done: 50, changed: 1 },
      { total: 400, done: 100, changed: 2 },
      { total: 400, done: 250, changed: 6 },
      { total: 400, done: 400, changed: 10 },
    ]);
  });

  it('never goes back, even if a piece starts again', () => {
    const seen: number[] = [];
    const [first, second] = wholeProgress(({ done }) => void seen.push(done), [100, 100]);
    first?.({ total: 100, done: 60, changed: 0 });
    first?.({ total: 100, done: 10, changed: 0 });
    second?.({ total: 0, done: 0, changed: 0 });
    expect(seen).toEqual([60, 60, 200]);
  });

  it('is that of the piece where there is only one', () => {
    const observer = (): void => {};
    expect(wholeProgress(observer, [7])).toEqual([observer]);
  });
});
