import { DURATION_EXPECTED, parseDuration } from '../domain/duration.ts';
import { asText, asWholeNumber, type Field, ShapeError } from '../domain/shape.ts';
import { parseSize, SIZE_EXPECTED } from '../domain/size.ts';
import { parseTimeOfDay, TIME_OF_DAY_EXPECTED } from '../domain/time-of-day.ts';

/** Decodes an optional setting. Returns an empty object if its key is missing. */
export function optional<Key extends string, Value>(
  key: Key,
  field: Field,
  decode: (field: Field) => Value,
): Partial<Record<Key, Value>> {
  if (field.value === undefined) return {};
  const setting: Partial<Record<Key, Value>> = {};
  setting[key] = decode(field);
  return setting;
}

/** Decodes true or false; false if the key is missing. @throws ShapeError */
export function decodeFlag(flag: Field): boolean {
  const { value = false } = flag;
  if (typeof value !== 'boolean') throw new ShapeError(flag, 'true or false');
  return value;
}

/** Decodes on or off. YAML 1.2 reads `off` as a text, YAML 1.1 as false. @throws ShapeError */
export function decodeSwitch(field: Field): boolean {
  const { value } = field;
  if (value === 'on' || value === true) return true;
  if (value === 'off' || value === false) return false;
  throw new ShapeError(field, 'on or off');
}

/** Decodes the declared format of a source. @throws ShapeError */
export function decodeFormat(field: Field): 'raw' {
  if (field.value === 'raw') return 'raw';
  throw new ShapeError(field, 'raw, the only format that can be declared');
}

/** The engine stores this number in 32 bits. */
const MOST_RUNS = 2 ** 32 - 1;

/** Decodes a number of runs. @throws ShapeError */
export function decodeRuns(field: Field): number {
  const expected = `a whole number of runs, 1 to ${MOST_RUNS}`;
  const runs = asWholeNumber(field, expected, 1);
  if (runs > MOST_RUNS) throw new ShapeError(field, expected);
  return runs;
}

/** Decodes a size with its unit. Returns bytes. @throws ShapeError */
export function decodeSize(field: Field): number {
  const size = parseSize(asText(field, SIZE_EXPECTED));
  if (size === undefined) throw new ShapeError(field, SIZE_EXPECTED);
  return size;
}

/** Decodes a duration; a bare number counts seconds. Returns milliseconds. @throws ShapeError */
export function decodeDuration(field: Field): number {
  const { value } = field;
  const isText = typeof value === 'string' || typeof value === 'number';
  const durationMs = isText ? parseDuration(String(value)) : undefined;
  if (durationMs === undefined) throw new ShapeError(field, DURATION_EXPECTED);
  return durationMs;
}

/** Decodes a time of day. Returns milliseconds since midnight. @throws ShapeError */
export function decodeTimeOfDay(field: Field): number {
  const atMs = parseTimeOfDay(asText(field, TIME_OF_DAY_EXPECTED));
  if (atMs === undefined) throw new ShapeError(field, TIME_OF_DAY_EXPECTED);
  return atMs;
}
