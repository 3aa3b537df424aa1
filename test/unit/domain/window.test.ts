import { describe, expect, it } from 'vitest';
import { zoneOf } from '../../../src/domain/time-zone.ts';
import { isOpen, movedInto, openingAt } from '../../../src/domain/window.ts';

const HOUR = 3_600_000;
const night = { fromMs: 21 * HOUR, toMs: 6 * HOUR };
const berlin = zoneOf('Europe/Berlin');
const at = (text: string): number => Date.parse(text);

describe('a window', () => {
  it('goes over midnight', () => {
    const utc = zoneOf('UTC');
    expect(isOpen(night, at('2026-01-10T20:59:59Z'), utc)).toBe(false);
    expect(isOpen(night, at('2026-01-10T21:00:00Z'), utc)).toBe(true);
    expect(isOpen(night, at('2026-01-11T05:59:59Z'), utc)).toBe(true);
    expect(isOpen(night, at('2026-01-11T06:00:00Z'), utc)).toBe(false);
  });

  it('counts on the clocks of the zone, in the nights that the clocks change, too', () => {
    expect(openingAt(night, at('2026-03-28T22:00:00Z'), berlin)).toEqual({
      startMs: at('2026-03-28T20:00:00Z'),
      endMs: at('2026-03-29T04:00:00Z'),
    });
    expect(openingAt(night, at('2026-10-24T22:00:00Z'), berlin)).toEqual({
      startMs: at('2026-10-24T19:00:00Z'),
      endMs: at('2026-10-25T05:00:00Z'),
    });
  });

  it('takes a moment as it is while it is open, and moves others into its next opening', () => {
    const utc = zoneOf('UTC');
    const open = at('2026-01-10T23:30:00Z');
    expect(movedInto(night, open, utc, 5 * HOUR)).toBe(open);
    expect(movedInto(night, at('2026-01-10T12:00:00Z'), utc, 11 * HOUR)).toBe(at('2026-01-10T23:00:00Z'));
  });

  it('may be a whole day', () => {
    const always = { fromMs: 0, toMs: 0 };
    expect(isOpen(always, at('2026-01-10T12:34:56Z'), zoneOf('UTC'))).toBe(true);
  });
});
