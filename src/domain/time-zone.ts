import { DAY_MS } from './duration.ts';

/** The local time of a zone. A local time is written as if it were UTC, in milliseconds since 1970. */
export interface Zone {
  /** Offset of the zone from UTC at a moment, in milliseconds; positive if ahead. */
  offsetMs(atMs: number): number;
  /**
   * The first moment with the local time `wallMs` or later. A time that the clocks skip maps to the moment of the
   * change; an ambiguous time maps to its first occurrence.
   */
  momentOf(wallMs: number): number;
}

/** The form of a time zone's name, for messages. */
export const TIME_ZONE_EXPECTED = 'a time zone such as Europe/Berlin or UTC';

/** A name. Some versions of Node accept offsets such as `+02:00`, which have no summer time. */
const NAME = /^[A-Za-z][A-Za-z0-9_+/-]*$/;

/** Whether the time zone database has a name. */
export function isTimeZone(name: string): boolean {
  if (!NAME.test(name)) return false;
  try {
    formatOf(name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** The names of all time zones, for suggestions. */
export function timeZones(): readonly string[] {
  return Intl.supportedValuesOf('timeZone');
}

const zones = new Map<string, Zone>();

/**
 * The time zone with a name, or of this machine. Only a name loads the tables of `Intl`, which takes about 20 ms.
 *
 * @throws RangeError for a name that `isTimeZone` refuses
 */
export function zoneOf(name?: string): Zone {
  // TZ can change at any time, so the zone of the machine is not cached.
  if (name === undefined) return zoneFrom(machineOffsetMs);
  const zone = zones.get(name) ?? zoneFrom(namedOffsetMs(name));
  zones.set(name, zone);
  return zone;
}

function zoneFrom(measure: (atMs: number) => number): Zone {
  const offsetMs = cached(measure);
  return { offsetMs, momentOf: (wallMs) => momentOf(wallMs, offsetMs) };
}

function momentOf(wallMs: number, offsetMs: (atMs: number) => number): number {
  // No offset reaches a day, so these are the offsets before and after any change near `wallMs`.
  const [before, after] = [offsetMs(wallMs - DAY_MS), offsetMs(wallMs + DAY_MS)];
  if (before === after) return wallMs - before;
  const showsEnough = (atMs: number): boolean => atMs + offsetMs(atMs) >= wallMs;
  const [early, late] = [wallMs - Math.max(before, after), wallMs - Math.min(before, after)];
  return showsEnough(early) ? early : firstWhere(showsEnough, early, late);
}

function machineOffsetMs(atMs: number): number {
  return -new Date(atMs).getTimezoneOffset() * 60_000;
}

function namedOffsetMs(name: string): (atMs: number) => number {
  const format = formatOf(name);
  return (atMs) => {
    const parts = format.format(atMs).match(/\d+/g) ?? [];
    const [month = 1, day = 1, year = 1970, hour = 0, minute = 0, second = 0] = parts.map(Number);
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1000) * 1000;
  };
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const [numeric, hourCycle] = ['numeric', 'h23'] as const;
  const date = { year: numeric, month: numeric, day: numeric } as const;
  const time = { hour: numeric, minute: numeric, second: numeric } as const;
  return new Intl.DateTimeFormat('en-US', { timeZone, hourCycle, ...date, ...time });
}

const WEEK_MS = 7 * DAY_MS;
/** Years of four digits. Earlier and later times use the offset at these ends. */
const FIRST_MS = Date.UTC(1000, 0);
const LAST_MS = Date.UTC(9999, 0);

/** The offset within one week. No zone has changed its clocks twice in a week. */
interface Week {
  readonly before: number;
  readonly after: number;
  readonly changeMs: number;
}

/** Caches offsets by week, because each measurement takes 5 µs. */
function cached(measure: (atMs: number) => number): (atMs: number) => number {
  const weeks = new Map<number, Week>();
  const edge = (number: number): number => measure(clamp(number * WEEK_MS));
  const look = (number: number): Week => {
    const [before, after] = [edge(number), edge(number + 1)];
    const isAfter = (atMs: number): boolean => measure(atMs) === after;
    const [startMs, endMs] = [clamp(number * WEEK_MS), clamp((number + 1) * WEEK_MS)];
    return { before, after, changeMs: before === after ? startMs : firstWhere(isAfter, startMs, endMs) };
  };
  return (atMs) => {
    const number = Math.floor(clamp(atMs) / WEEK_MS);
    const week = weeks.get(number) ?? look(number);
    weeks.set(number, week);
    return atMs < week.changeMs ? week.before : week.after;
  };
}

function clamp(atMs: number): number {
  return Math.min(LAST_MS, Math.max(FIRST_MS, atMs));
}

/** Binary search: the first moment in (afterMs, untilMs] at which a lasting condition holds. */
function firstWhere(holds: (atMs: number) => boolean, afterMs: number, untilMs: number): number {
  let [low, high] = [afterMs, untilMs];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return high;
}
