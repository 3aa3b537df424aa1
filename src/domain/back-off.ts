const MINUTE_MS = 60_000;
const LONGEST_MINUTES = 360;

/** Milliseconds to wait after a number of failures in a row: 2, 4, 8 … minutes, and 6 hours at most. */
export function backOffMs(failures: number): number {
  return Math.min(2 ** failures, LONGEST_MINUTES) * MINUTE_MS;
}
