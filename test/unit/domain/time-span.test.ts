import { describe, expect, it } from 'vitest';
import { LATEST_MS, parseTimeSpan } from '../../../src/domain/time-span.ts';

describe('parseTimeSpan', () => {
  it.each([
    ['2026-01-31T04:05:06Z', '2026-01-31T04:05:06.000Z', '2026-01-31T04:05:06.999Z'],
    ['1000-01-01T00:00Z', '1000-01-01T00:00:00.000Z', '1000-01-01T00:00:59.999Z'],
    ['9999-12-31T23:59Z', '9999-12-31T23:59:00.000Z', '9999-12-31T23:59:59.999Z'],
  ])('takes %s for all of it', (text, from, to) => {
    const { fromMs, toMs } = parseTimeSpan(text) ?? { fromMs: 0, toMs: 0 };
    expect([fromMs, toMs].map((time) => new Date(time).toISOString())).toEqual([from, to]);
  });

  it('takes the last day of all years for one, wherever that is', () => {
    const { fromMs = 0, toMs = 0 } = parseTimeSpan('9999-12-31') ?? {};
    expect(toMs - fromMs).toBe(86_400_000 - 1);
    expect(Math.abs(toMs - LATEST_MS)).toBeLessThan(86_400_000);
  });

  it.each(['0999-01-01', '10000-01-01', '2026-02-30', '2026-1-1', ''])('takes %s for no time', (text) => {
    expect(parseTimeSpan(text)).toBeUndefined();
  });
});
