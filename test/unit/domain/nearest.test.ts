import { describe, expect, it } from 'vitest';
import { nearest } from '../../../src/domain/nearest.ts';

describe('nearest', () => {
  const words = ['daily', 'weekly', 'monthly'];

  it.each([
    ['dialy', 'daily'],
    ['dayly', 'daily'],
    ['weeklyy', 'weekly'],
    ['montly', 'monthly'],
    ['daily', 'daily'],
  ])('takes %s for %s', (word, expected) => {
    expect(nearest(word, words)).toBe(expected);
  });

  it.each(['', 'x', 'yearly-archive', 'wxyz'])('makes nothing of "%s"', (word) => {
    expect(nearest(word, words)).toBeUndefined();
  });
});
