import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { isTimeZone, timeZones, zoneOf } from '../../../src/domain/time-zone.ts';

const before = process.env.TZ;
afterEach(() => {
  if (before === undefined) delete process.env.TZ;
  else process.env.TZ = before;
});

const moments = fc.integer({ min: Date.UTC(1972), max: Date.UTC(2037) });

describe('zoneOf', () => {
  it('knows what the clocks show, as the machine does that stands there', () => {
    // Summer time to and fro, in both hemispheres, by 30 minutes and by two hours, and a day that was left out.
    const names = [
      'Europe/Berlin',
      'America/Sao_Paulo',
      'Australia/Lord_Howe',
      'Antarctica/Troll',
      'Pacific/Apia',
    ];
    for (const name of names) {
      process.env.TZ = name;
      fc.assert(
        fc.property(moments, (atMs) => {
          const offsetMs = -new Date(atMs).getTimezoneOffset() * 60_000;
          expect(zoneOf(name).offsetMs(atMs) - offsetMs).toBeCloseTo(0);
          expect(zoneOf().offsetMs(atMs) - offsetMs).toBeCloseTo(0);
        }),
      );
    }
  });

  it('finds the first moment at which the clocks show a time or a later one', () => {
    const berlin = zoneOf('Europe/Berlin');
    const moment = (wall: string): string => new Date(berlin.momentOf(Date.parse(`${wall}Z`))).toISOString();
    expect(moment('2026-07-01T03:00')).toBe('2026-07-01T01:00:00.000Z');
    // 02:30 does not exist, and then exists twice.
    expect(moment('2026-03-29T02:30')).toBe('2026-03-29T01:00:00.000Z');
    expect(moment('2026-10-25T02:30')).toBe('2026-10-25T00:30:00.000Z');
    fc.assert(
      fc.property(fc.constantFrom(...timeZones()), moments, (name, wallMs) => {
        const zone = zoneOf(name);
        const shown = (atMs: number): number => atMs + zone.offsetMs(atMs);
        const atMs = zone.momentOf(wallMs);
        expect(shown(atMs)).toBeGreaterThanOrEqual(wallMs);
        for (const earlierMs of [1, 60_000, 3_600_000, 7_200_000])
          expect(shown(atMs - earlierMs)).toBeLessThan(wallMs);
      }),
    );
  });

  it('answers at the ends of time, too', () => {
    for (const name of [undefined, 'Europe/Berlin'])
      for (const atMs of [-8.64e15, 8.64e15, 9e15]) expect(zoneOf(name).momentOf(atMs)).not.toBeNaN();
  });
});

describe('isTimeZone', () => {
  it.each(['UTC', 'Europe/Berlin', 'Etc/GMT+5', 'America/Argentina/San_Luis'])('knows %s', (name) => {
    expect(isTimeZone(name)).toBe(true);
  });

  it.each(['', 'Europe', 'Berlin', '+02:00', 'Europe/Berlin ', '../UTC', 'local'])('refuses "%s"', (name) => {
    expect(isTimeZone(name)).toBe(false);
  });
});
