import { describe, expect, it } from 'vitest';
import { parseInterval } from '../../../src/domain/interval.ts';
import { parseTimeOfDay } from '../../../src/domain/time-of-day.ts';

const DAY_MS = 86_400_000;

describe('parseInterval', () => {
  it.each([
    ['90', { intervalMs: 90_000 }],
    ['30m', { intervalMs: 1_800_000 }],
    ['30d', { intervalMs: 30 * DAY_MS }],
    ['1mo', { intervalMs: 31 * DAY_MS, months: 1 }],
    ['1y', { intervalMs: 366 * DAY_MS, months: 12 }],
    ['100y', { intervalMs: 36_600 * DAY_MS, months: 1200 }],
  ])('reads %s', (text, interval) => {
    expect(parseInterval(text)).toEqual(interval);
  });

  it.each(['', '0', '0mo', '0y', '1M', '1mon', '1.5mo', '101y', '1201mo', '-1y', '1 y', 'mo'])(
    'refuses "%s"',
    (text) => {
      expect(parseInterval(text)).toBeUndefined();
    },
  );
});

describe('parseTimeOfDay', () => {
  it.each([
    ['00:00', 0],
    ['3:05', 11_100_000],
    ['23:59', 86_340_000],
  ])('reads %s', (text, atMs) => {
    expect(parseTimeOfDay(text)).toBe(atMs);
  });

  it.each(['', '24:00', '3', '03:60', '03:00:00', ' 03:00', '٠٣:٠٠'])('refuses "%s"', (text) => {
    expect(parseTimeOfDay(text)).toBeUndefined();
  });
});
