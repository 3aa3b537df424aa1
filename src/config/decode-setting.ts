import { asText, asWholeNumber, type Field, ShapeError } from '../domain/shape.ts';
import { parseSize, SIZE_EXPECTED } from '../domain/size.ts';

/** A setting that is only there when its key is. */
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

/** True or false; false when it is missing. */
export function decodeFlag(flag: Field): boolean {
  const { value = false } = flag;
  if (typeof value !== 'boolean') throw new ShapeError(flag, 'true or false');
  return value;
}

/** YAML 1.2 reads `off` as a text; people who grew up with 1.1 mean false. */
export function decodeSwitch(field: Field): boolean {
  const { value } = field;
  if (value === 'on' || value === true) return true;
  if (value === 'off' || value === false) return false;
  throw new ShapeError(field, 'on or off');
}

/** The format of a source, where somebody says it. */
export function decodeFormat(field: Field): 'raw' {
  if (field.value === 'raw') return 'raw';
  throw new ShapeError(field, 'raw, the only format that can be declared');
}

/** The engine has 32 bits for it. */
const MOST_RUNS = 2 ** 32 - 1;

/** A number of backups. */
export function decodeRuns(field: Field): number {
  const expected = `a whole number of runs, 1 to ${MOST_RUNS}`;
  const runs = asWholeNumber(field, expected, 1);
  if (runs > MOST_RUNS) throw new ShapeError(field, expected);
  return runs;
}

/** A size in bytes, with its unit. */
export function decodeSize(field: Field): number {
  const size = parseSize(asText(field, SIZE_EXPECTED));
  if (size === undefined) throw new ShapeError(field, SIZE_EXPECTED);
  return size;
}
