import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS } from '../../../src/domain/duration.ts';
import { addSample, fillPace, fullAtMs, type SpaceSample } from '../../../src/domain/fill-forecast.ts';

const HOUR_MS = DAY_MS / 24;
const START_MS = Date.UTC(2026, 0, 1);
const GIB = 1024 ** 3;
const SIZE = 1000 * GIB;

/** Hourly samples of a filesystem. */
function hourly(days: number, freeAt: (hour: number) => number): readonly SpaceSample[] {
  const samples = Array.from({ length: days * 24 + 1 }, (_, hour) => ({
    atMs: START_MS + hour * HOUR_MS,
    size: SIZE,
    free: freeAt(hour),
  }));
  return samples.reduce<readonly SpaceSample[]>(addSample, []);
}

function daysLeft(samples: readonly SpaceSample[]): number | undefined {
  const last = samples.at(-1);
  const full = last && fullAtMs(last, fillPace(samples));
  return full === undefined ? undefined : (full - (last?.atMs ?? 0)) / DAY_MS;
}

describe('the forecast of a full filesystem', () => {
  it('divides the free space by the pace', () => {
    expect(daysLeft(hourly(14, (hour) => SIZE - (hour / 24) * 10 * GIB))).toBeCloseTo(86, 6);
  });

  it('sees nothing coming while the free space stays or grows', () => {
    expect(daysLeft(hourly(14, () => 50 * GIB))).toBeUndefined();
    expect(daysLeft(hourly(14, (hour) => hour * GIB))).toBeUndefined();
  });

  it('does not let one large backup or one purge decide', () => {
    const steady = (hour: number): number => 500 * GIB - (hour / 24) * GIB;
    const plain = daysLeft(hourly(14, steady)) ?? 0;
    const withBackup = daysLeft(hourly(14, (hour) => steady(hour) - (hour > 330 ? 100 * GIB : 0))) ?? 0;
    const withPurge = daysLeft(hourly(14, (hour) => steady(hour) + (hour > 330 ? 100 * GIB : 0))) ?? 0;
    // The free space itself differs by 100 of 486 GiB; the pace must not.
    expect(withBackup).toBeGreaterThan(plain * 0.7);
    expect(withPurge).toBeLessThan(plain * 1.3);
  });

  it('follows nights that write and days that purge', () => {
    const free = (hour: number): number =>
      100 * GIB - Math.floor(hour / 24) * 2 * GIB - (hour % 24 < 12 ? 30 * GIB : 0);
    expect(daysLeft(hourly(14, free))).toBeGreaterThan(10);
    expect(daysLeft(hourly(14, free))).toBeLessThan(80);
  });

  it('needs a day of samples', () => {
    const falling = (hour: number): number => SIZE - hour * 20 * GIB;
    expect(fillPace(hourly(1, falling))).toBeGreaterThan(0);
    expect(fillPace(hourly(1, falling).slice(0, -1))).toBeUndefined();
    expect(fillPace([])).toBeUndefined();
  });

  it('begins anew when the filesystem grows, and goes on when its disk was away for an hour', () => {
    const samples = hourly(14, (hour) => SIZE - hour * GIB);
    const next = { atMs: START_MS + (14 * 24 + 1) * HOUR_MS, size: 2 * SIZE, free: SIZE };
    expect(fillPace(samples)).toBeGreaterThan(0);
    expect(fillPace(addSample(samples, next))).toBeUndefined();
    const back = { atMs: next.atMs + HOUR_MS, size: SIZE, free: SIZE - 338 * GIB };
    expect(fillPace(addSample(addSample(samples, next), back))).toBeCloseTo(GIB / HOUR_MS, 9);
  });

  it('says now for a full one, however short the samples are', () => {
    expect(fullAtMs({ atMs: START_MS, free: 0 }, undefined)).toBe(START_MS);
  });

  it('keeps a sample for each hour of two weeks, and none of the future', () => {
    const samples = Array.from({ length: 30 * 24 * 4 + 1 }, (_, quarter) => ({
      atMs: START_MS + quarter * (HOUR_MS / 4),
      size: SIZE,
      free: quarter,
    })).reduce<readonly SpaceSample[]>(addSample, []);
    expect(samples).toHaveLength(14 * 24 + 1);
    expect(addSample(samples, { atMs: START_MS, size: SIZE, free: 1 })).toHaveLength(1);
  });

  it('finds the exact pace whatever the moments of the samples are', () => {
    const gaps = fc.array(fc.integer({ min: HOUR_MS, max: 10 * HOUR_MS }), { minLength: 24, maxLength: 30 });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 1000 }), (lengths, pace) => {
        let atMs = START_MS;
        const samples = lengths.map((gap) => {
          atMs += gap;
          return { atMs, size: SIZE, free: 10 * SIZE - pace * (atMs - START_MS) };
        });
        expect(fillPace(samples)).toBeCloseTo(pace, 6);
      }),
    );
  });
});
