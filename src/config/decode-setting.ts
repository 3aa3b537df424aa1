import { asWholeNumber, type Field, ShapeError } from '../domain/shape.ts';

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

/** YAML 1.2 reads `off` as a text; people who grew up with 1.1 mean false. */
export function decodeSwitch(field: Field): boolean {
  const { value } = field;
  if (value === 'on' || value === true) return true;
  if (value === 'off' || value === false) return false;
  throw new ShapeError(field, 'on or off');
}

/** True or false, and nothing that looks like it. */
export function decodeFlag(field: Field): boolean {
  if (typeof field.value === 'boolean') return field.value;
  throw new ShapeError(field, 'true or false');
}

/** After how many runs each block was read again. */
export function decodeRuns(field: Field): number {
  return asWholeNumber(field, 'a whole number of runs, 1 or more', 1);
}
