/** A period in milliseconds since 1970, including both ends. */
export interface TimeSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The last moment that a record can hold, in milliseconds since 1970: later years have five digits. */
export const LATEST_MS: number = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
/** The first moment, in the year 0. */
const EARLIEST_MS = Date.parse('0000-01-01T00:00:00Z');

/** A moment as ISO 8601 in UTC. Times of files can be outside of this range; they are moved to its nearest end. */
export function isoTime(timeMs: number): string {
  return new Date(Math.min(Math.max(timeMs, EARLIEST_MS), LATEST_MS)).toISOString();
}

const TIME =
  /^([1-9]\d{3})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?:[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,3}))?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** Whether a text was meant as a date or time. No id matches by accident. */
export function looksLikeTime(text: string): boolean {
  return /^\d{4}-\d{1,2}-\d{1,2}([T ].*)?$/s.test(text);
}

/**
 * The whole day, minute, second or millisecond of an ISO 8601 date or time; undefined for any other text. Without a zone
 * it is a local time of this machine.
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

/** Whether the month has that day. `Date` turns an invalid day into another one. */
function isDay(date: string, day: number): boolean {
  return new Date(`${date}T00:00:00Z`).getUTCDate() === day;
}
