import { DAY_MS, parseDuration } from './duration.ts';

/** The time between two revisions with a tag. */
export interface Interval {
  /** Milliseconds; for months and years the longest possible length. */
  readonly intervalMs: number;
  /** Whole months of the calendar; absent for an interval of a fixed length. */
  readonly months?: number;
}

/** The longest month and the longest year, so that nothing expires too early. */
const MONTH_MS = 31 * DAY_MS;
const YEAR_MS = 366 * DAY_MS;
const MONTHS_OF_YEAR = 12;
const MOST_YEARS = 100;

/** The form of an interval, for messages. */
export const INTERVAL_EXPECTED = 'a duration such as 30m, 12h, 1d, 2w, 1mo or 1y';

/** Reads an interval: a duration, or months (`mo`) or years (`y`) of the calendar. Returns undefined for any other text. */
export function parseInterval(text: string): Interval | undefined {
  const [, digits, unit] = /^(\d{1,4})(mo|y)$/.exec(text) ?? [];
  if (digits === undefined) {
    const intervalMs = parseDuration(text);
    return intervalMs === undefined ? undefined : { intervalMs };
  }
  const count = Number(digits);
  const months = unit === 'y' ? count * MONTHS_OF_YEAR : count;
  if (months < 1 || months > MOST_YEARS * MONTHS_OF_YEAR) return undefined;
  return { months, intervalMs: count * (unit === 'y' ? YEAR_MS : MONTH_MS) };
}
