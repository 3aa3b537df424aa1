/** A stretch of time, in milliseconds since 1970; both ends are part of it. */
export interface TimeSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The last moment of which a record can tell: later years have five digits. In milliseconds since 1970. */
export const LATEST_MS: number = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
/** The first one, in the year 0. */
const EARLIEST_MS = Date.parse('0000-01-01T00:00:00Z');

/** A moment as ISO 8601 in UTC. Files can have times that no calendar has: these become the nearest that it has. */
export function isoTime(timeMs: number): string {
  return new Date(Math.min(Math.max(timeMs, EARLIEST_MS), LATEST_MS)).toISOString();
}

const TIME =
  /^([1-9]\d{3})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?:[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,3}))?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** Whether a text was meant to be a date or time. No id of any form is one by accident. */
export function looksLikeTime(text: string): boolean {
  return /^\d{4}-\d{1,2}-\d{1,2}([T ].*)?$/s.test(text);
}

/**
 * All of the day, minute, second or millisecond that an ISO 8601 date or time names; undefined when it is none.
 * Without a zone it is meant as the clock on the wall of this machine shows it.
 */
export function parseTimeSpan(text: string): TimeSpan | undefined {
  const [, year, month, day, hour, minute, second, fraction, zone = ''] = TIME.exec(text) ?? [];
  if (day === undefined || !isDay(`${year}-${month}-${day}`, Number(day))) return undefined;
  if (hour === undefined) return daySpan(Number(year), Number(month), Number(day));
  const fromMs = Date.parse(
    `${year}-${month}-${day}T${hour}:${minute}:${second ?? '00'}.${(fraction ?? '').padEnd(3, '0')}${zone}`,
  );
  if (Number.isNaN(fromMs)) return undefined;
  const lengthMs = second === undefined ? 60_000 : 1000 / 10 ** (fraction ?? '').length;
  return { fromMs, toMs: fromMs + lengthMs - 1 };
}

/** A day may have 23 or 25 hours where clocks change. */
function daySpan(year: number, month: number, day: number): TimeSpan {
  const fromMs = new Date(year, month - 1, day).getTime();
  return { fromMs, toMs: new Date(year, month - 1, day + 1).getTime() - 1 };
}

/** Whether the month has that day: what is no day becomes another one, or none. */
function isDay(date: string, day: number): boolean {
  return new Date(`${date}T00:00:00Z`).getUTCDate() === day;
}
