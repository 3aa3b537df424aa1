import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, formatSeconds, parseDuration } from '../../../src/domain/duration.ts';

describe('parseDuration', () => {
  it.each([
    ['45', 45_000],
    ['45s', 45_000],
    ['30m', 1_800_000],
    ['12h', 43_200_000],
    ['1d', 86_400_000],
    ['2w', 1_209_600_000],
  ])('reads %s', (text, durationMs) => {
    expect(parseDuration(text)).toBe(durationMs);
  });

  it.each(['', '0', '0d', '-1d', '1.5h', '1 d', 'd', '1y', '1D', '9999999999d', '1d2h', '١d'])(
    'refuses "%s"',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it('gives whole, exact, positive milliseconds or nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d{1,10}[smhdw]?$/)), (text) => {
        const durationMs = parseDuration(text) ?? 1;
        expect(Number.isSafeInteger(durationMs) && durationMs > 0).toBe(true);
      }),
    );
  });
});

describe('formatSeconds', () => {
  it.each([
    [-3, '0:00'],
    [7.4, '0:07'],
    [59.6, '1:00'],
    [750, '12:30'],
    [3600, '1:00:00'],
    [360_061, '100:01:01'],
  ])('formats %d', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0s'],
    [999, '0s'],
    [45_000, '45s'],
    [90_000, '1m 30s'],
    [3_600_000, '1h'],
    [9 * 86_400_000, '9d'],
    [129_600_000, '1d 12h'],
    [86_400_000 + 60_000, '1d'],
  ])('formats %i ms as %s', (durationMs, text) => {
    expect(formatDuration(durationMs)).toBe(text);
  });
});
