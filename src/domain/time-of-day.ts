/** The form of a time of day, for messages. */
export const TIME_OF_DAY_EXPECTED = "a time of day such as '03:00'";

const MINUTE_MS = 60_000;

/** Reads a time of day such as `03:00`. Returns milliseconds since midnight, or undefined for any other text. */
export function parseTimeOfDay(text: string): number | undefined {
  const [, hours, minutes] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  return hours === undefined ? undefined : (Number(hours) * 60 + Number(minutes)) * MINUTE_MS;
}
