import { DURATION_EXPECTED, parseDuration } from '../../domain/duration.ts';
import { asList, asText, type Field, ShapeError } from '../../domain/shape.ts';
import { parseTimeOfDay, TIME_OF_DAY_EXPECTED } from '../../domain/time-of-day.ts';

/** A duration in milliseconds; a bare number counts seconds. @throws ShapeError */
export function decodeDuration(field: Field): number {
  const { value } = field;
  const isText = typeof value === 'string' || typeof value === 'number';
  const durationMs = isText ? parseDuration(String(value)) : undefined;
  if (durationMs === undefined) throw new ShapeError(field, DURATION_EXPECTED);
  return durationMs;
}

/** A time of day in milliseconds since midnight. @throws ShapeError */
export function decodeTimeOfDay(field: Field): number {
  const atMs = parseTimeOfDay(asText(field, TIME_OF_DAY_EXPECTED));
  if (atMs === undefined) throw new ShapeError(field, TIME_OF_DAY_EXPECTED);
  return atMs;
}

/** An absolute path. @throws ShapeError */
export function decodePath(field: Field): string {
  return asText(field, 'an absolute path', /^\/[^\0\n]*$/);
}

const COMMAND = 'a command: a list of words, or a text without quotes';

/** A command as its words; a text is split at blanks. There is no shell. @throws ShapeError */
export function decodeCommand(field: Field): readonly string[] {
  const words =
    typeof field.value === 'string'
      ? asText(field, COMMAND, /^[^\0"'\\]+$/)
          .split(/\s+/)
          .filter((word) => word !== '')
      : asList(field, COMMAND).map((word) => asText(word, 'a word', /^[^\0]*$/));
  if (words.length === 0 || words[0] === '') throw new ShapeError(field, COMMAND);
  return words;
}
