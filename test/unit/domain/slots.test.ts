import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseInterval } from '../../../src/domain/interval.ts';
import { createSlots, holds, type Slots } from '../../../src/domain/slots.ts';
import { timeZones, zoneOf } from '../../../src/domain/time-zone.ts';

const HOUR_MS = 3_600_000;

function slotsOf(interval: string, zone: string, atMs?: number): Slots {
  const rule = parseInterval(interval) ?? expect.unreachable(interval);
  return createSlots(atMs === undefined ? rule : { ...rule, atMs }, zoneOf(zone));
}

/** Beginning and end of the slot that holds a moment, in UTC. */
function slot(interval: string, at: string, zone = 'UTC', hour?: number): string {
  const { startMs, endMs } = slotsOf(interval, zone, hour && hour * HOUR_MS)(Date.parse(at));
  return [startMs, endMs].map((atMs) => new Date(atMs).toISOString().slice(0, 16)).join(' ');
}

describe('createSlots', () => {
  it.each([
    ['1d', '2026-11-27T20:00Z', '2026-11-27T00:00 2026-11-28T00:00'],
    // Monday to Monday, and every other Monday.
    ['7d', '2026-11-27T20:00Z', '2026-11-23T00:00 2026-11-30T00:00'],
    ['1w', '2026-11-23T00:00Z', '2026-11-23T00:00 2026-11-30T00:00'],
    ['2w', '2026-11-27T20:00Z', '2026-11-16T00:00 2026-11-30T00:00'],
    // Other numbers of days are counted from 1970-01-01, which was 20,784 days before.
    ['2d', '2026-11-27T20:00Z', '2026-11-27T00:00 2026-11-29T00:00'],
    ['10d', '2026-11-27T20:00Z', '2026-11-23T00:00 2026-12-03T00:00'],
    ['30d', '2026-11-27T20:00Z', '2026-11-03T00:00 2026-12-03T00:00'],
    ['1mo', '2026-02-27T20:00Z', '2026-02-01T00:00 2026-03-01T00:00'],
    ['3mo', '2026-02-27T20:00Z', '2026-01-01T00:00 2026-04-01T00:00'],
    ['1y', '2024-02-29T20:00Z', '2024-01-01T00:00 2025-01-01T00:00'],
    ['6h', '2026-11-27T20:00Z', '2026-11-27T18:00 2026-11-28T00:00'],
    ['15m', '2026-11-27T20:59Z', '2026-11-27T20:45 2026-11-27T21:00'],
    // A rest of three hours belongs to the slot before it, one of four is a slot.
    ['7h', '2026-11-27T20:00Z', '2026-11-27T14:00 2026-11-28T00:00'],
    ['5h', '2026-11-27T20:00Z', '2026-11-27T20:00 2026-11-28T00:00'],
    ['36h', '1970-01-03T13:00Z', '1970-01-02T12:00 1970-01-04T00:00'],
  ])('cuts %s: %s is in %s', (interval, at, expected) => {
    expect(slot(interval, at)).toBe(expected);
  });

  it('begins at a time of day', () => {
    expect(slot('1d', '2026-11-27T02:59Z', 'UTC', 3)).toBe('2026-11-26T03:00 2026-11-27T03:00');
    expect(slot('7d', '2026-11-23T02:59Z', 'UTC', 3)).toBe('2026-11-16T03:00 2026-11-23T03:00');
    expect(slot('1mo', '2026-03-01T02:59Z', 'UTC', 3)).toBe('2026-02-01T03:00 2026-03-01T03:00');
    expect(slot('12h', '2026-11-27T02:59Z', 'UTC', 3)).toBe('2026-11-26T15:00 2026-11-27T03:00');
  });

  it('goes by the calendar of the zone, through days of 23 and 25 hours and none at all', () => {
    expect(slot('1d', '2026-03-29T12:00Z', 'Europe/Berlin')).toBe('2026-03-28T23:00 2026-03-29T22:00');
    expect(slot('1d', '2026-10-25T12:00Z', 'Europe/Berlin')).toBe('2026-10-24T22:00 2026-10-25T23:00');
    expect(slot('12h', '2026-10-25T12:00Z', 'Europe/Berlin')).toBe('2026-10-25T10:00 2026-10-25T23:00');
    expect(slot('1w', '2026-03-29T12:00Z', 'Europe/Berlin')).toBe('2026-03-22T23:00 2026-03-29T22:00');
    expect(slot('1mo', '2026-03-29T12:00Z', 'Europe/Berlin')).toBe('2026-02-28T23:00 2026-03-31T22:00');
    // If 02:30 does not exist, the slot begins with the change; if it exists twice, with the first one.
    expect(slot('1d', '2026-03-29T01:00Z', 'Europe/Berlin', 2.5)).toBe('2026-03-29T01:00 2026-03-30T00:30');
    expect(slot('1d', '2026-10-25T00:30Z', 'Europe/Berlin', 2.5)).toBe('2026-10-25T00:30 2026-10-26T01:30');
    // Samoa left out 2011-12-30; in Brazil a day began at one; in Newfoundland midnight came twice.
    expect(slot('1d', '2011-12-30T09:59Z', 'Pacific/Apia')).toBe('2011-12-29T10:00 2011-12-30T10:00');
    expect(slot('1d', '2018-11-04T12:00Z', 'America/Sao_Paulo')).toBe('2018-11-04T03:00 2018-11-05T02:00');
    expect(slot('1d', '2010-11-07T03:00Z', 'America/St_Johns')).toBe('2010-11-07T02:30 2010-11-08T03:30');
  });

  it('leaves no gap and no overlap, whatever the interval and the zone', () => {
    const intervals = [
      '1m',
      '17m',
      '1h',
      '5h',
      '7h',
      '12h',
      '23h',
      '1d',
      '2d',
      '30d',
      '36h',
      '1w',
      '3w',
      '1mo',
      '5mo',
      '1y',
    ];
    const cases = fc.record({
      interval: fc.constantFrom(...intervals),
      zone: fc.constantFrom(...timeZones()),
      anchorMs: fc.integer({ min: 0, max: 1439 }).map((minutes) => minutes * 60_000),
      nowMs: fc.integer({ min: Date.UTC(1965), max: Date.UTC(2060) }),
    });
    const property = fc.property(cases, ({ interval, zone, anchorMs, nowMs }) => {
      const slots = slotsOf(interval, zone, anchorMs);
      const current = slots(nowMs);
      expect(holds(current, nowMs)).toBe(true);
      expect(slots(current.startMs)).toEqual(current);
      expect(slots(current.endMs - 1)).toEqual(current);
      expect(slots(current.endMs).startMs).toBe(current.endMs);
      expect(slots(current.startMs - 1).endMs).toBe(current.startMs);
    });
    fc.assert(property, { numRuns: 1000 });
  });

  it('has an answer for intervals beyond the calendar', () => {
    const { startMs, endMs } = slotsOf('99999999d', 'Europe/Berlin')(Date.UTC(2026));
    expect(startMs).toBeLessThan(Date.UTC(2026));
    expect(endMs).toBeGreaterThan(Date.UTC(9999));
    expect(slotsOf('100y', 'UTC')(Date.UTC(2026)).endMs).toBe(Date.UTC(2100));
  });
});
