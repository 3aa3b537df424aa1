const DATE_ONLY = /^\d{4}-\d{2}-\d{2}$/;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?$/;

/**
 * Reads a date such as `2027-01-31` (its first moment) or a time such as `2027-01-31T12:00`, with a zone or in that of
 * the machine.
 *
 * @returns undefined when it is none
 */
export function parseTime(text: string): Date | undefined {
  // A date alone would be read as UTC, a time as local.
  const spelled = DATE_ONLY.test(text) ? `${text}T00:00` : text.replace(' ', 'T');
  if (!DATE_ONLY.test(text) && !DATE_TIME.test(text)) return undefined;
  const time = new Date(spelled);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
