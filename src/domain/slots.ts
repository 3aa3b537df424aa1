import { DAY_MS } from './duration.ts';
import type { Interval } from './interval.ts';
import type { Zone } from './time-zone.ts';

/** A period with one revision of a tag, in milliseconds since 1970, without its end. */
export interface Slot {
  readonly startMs: number;
  readonly endMs: number;
}

/** The rule that divides time into slots. */
export interface SlotRule extends Interval {
  /** Time of day when slots begin, in milliseconds since midnight; 0 by default. */
  readonly atMs?: number;
}

/** The slot that holds a moment. */
export type Slots = (atMs: number) => Slot;

/** Days from the beginning of the week to 1970-01-01, a Thursday. */
const DAYS_SINCE_MONDAY = 3;

/**
 * Divides time into slots.
 *
 * Months and years begin on the first of the month, counted from January. Whole days count by the calendar of the zone,
 * so that a day may have 23 or 25 hours: weeks from Monday, other numbers of days from 1970-01-01. Intervals shorter than
 * a day start anew each day; a remainder of up to half an interval belongs to the slot before it. All other intervals
 * are counted in hours from 1970-01-01.
 */
export function createSlots(rule: SlotRule, zone: Zone): Slots {
  const { intervalMs, months, atMs: anchorMs = 0 } = rule;
  const isPartOfDay = months === undefined && intervalMs < DAY_MS;
  const boundaries = boundariesOf(isPartOfDay ? { intervalMs: DAY_MS } : rule, anchorMs, zone);
  let last: Slot = { startMs: 0, endMs: 0 };
  return (atMs) => {
    if (!holds(last, atMs)) last = between(boundaries, atMs, atMs + zone.offsetMs(atMs));
    return isPartOfDay ? partOf(last, intervalMs, atMs) : last;
  };
}

/** Whether a slot holds a moment. */
export function holds({ startMs, endMs }: Slot, atMs: number): boolean {
  return startMs <= atMs && atMs < endMs;
}

/** Half of a slot, in milliseconds. */
export function halfOf({ startMs, endMs }: Slot): number {
  return (endMs - startMs) / 2;
}

/** The time when a tag is due in a slot: its beginning, but not before the newest revision is half a slot old. */
export function dueIn(slot: Slot, newestMs: number): number {
  return Math.max(slot.startMs, newestMs + halfOf(slot));
}

/** The numbered boundaries between slots. */
interface Boundaries {
  /** The number of a boundary near a moment. */
  near(atMs: number, wallMs: number): number;
  momentOf(number: number): number;
}

function boundariesOf({ intervalMs, months }: Interval, anchorMs: number, zone: Zone): Boundaries {
  if (months !== undefined) {
    return {
      near: (_, wallMs) => Math.floor(monthOf(wallMs) / months),
      momentOf: (number) => zone.momentOf(startOfMonth(number * months) + anchorMs),
    };
  }
  const days = intervalMs / DAY_MS;
  if (Number.isInteger(days)) {
    const shift = days % 7 === 0 ? DAYS_SINCE_MONDAY : 0;
    return {
      near: (_, wallMs) => Math.floor((Math.floor(wallMs / DAY_MS) + shift) / days),
      momentOf: (number) => zone.momentOf((number * days - shift) * DAY_MS + anchorMs),
    };
  }
  const firstMs = zone.momentOf(anchorMs);
  return {
    near: (atMs) => Math.floor((atMs - firstMs) / intervalMs),
    momentOf: (number) => firstMs + number * intervalMs,
  };
}

/** The month of a local time, counted from January of the year 0. */
function monthOf(wallMs: number): number {
  const wall = new Date(wallMs);
  return wall.getUTCFullYear() * 12 + wall.getUTCMonth();
}

function startOfMonth(month: number): number {
  return Date.UTC(1970, month - 1970 * 12, 1);
}

/** Finds the slot. A boundary may be some hours from its estimate, and a day that a zone skipped is empty. */
function between(boundaries: Boundaries, atMs: number, wallMs: number): Slot {
  let number = boundaries.near(atMs, wallMs);
  while (boundaries.momentOf(number) > atMs) number -= 1;
  while (boundaries.momentOf(number + 1) <= atMs) number += 1;
  return { startMs: boundaries.momentOf(number), endMs: boundaries.momentOf(number + 1) };
}

function partOf(day: Slot, intervalMs: number, atMs: number): Slot {
  const count = Math.max(1, Math.ceil((day.endMs - day.startMs) / intervalMs - 0.5));
  const number = Math.min(count - 1, Math.floor((atMs - day.startMs) / intervalMs));
  const startMs = day.startMs + number * intervalMs;
  return { startMs, endMs: number === count - 1 ? day.endMs : startMs + intervalMs };
}
