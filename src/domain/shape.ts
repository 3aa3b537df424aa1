/** A value of unknown shape and where it was found. */
export interface Field {
  readonly value: unknown;
  readonly path: readonly string[];
}

/** Thrown by the functions below: the value at `path` is not what was expected. */
export class ShapeError extends Error {
  override readonly name: string = 'ShapeError';
  readonly path: readonly string[];
  /** Whether the value at `path` is wrong, or the key that leads to it. */
  readonly concerns: 'key' | 'value';

  constructor({ path, value }: Field, expected: string, concerns: 'key' | 'value' = 'value') {
    const where = (concerns === 'key' ? path.slice(0, -1) : path).join('.') || 'the document';
    super(`${where} ${concerns === 'key' ? 'has the key' : 'is'} ${describe(value)}; expected ${expected}`);
    this.path = path;
    this.concerns = concerns;
  }
}

/** The outermost value of a document. */
export function root(value: unknown): Field {
  return { value, path: [] };
}

/** A member of an object; its value is undefined when the object has no such key of its own. */
export function member(parent: Field, key: string): Field {
  const object = asObject(parent);
  return { value: Object.hasOwn(object, key) ? object[key] : undefined, path: [...parent.path, key] };
}

/** Whether a value is an object with string keys. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as an object with string keys. */
export function asObject(field: Field, expected = 'an object'): Readonly<Record<string, unknown>> {
  if (!isObject(field.value)) throw new ShapeError(field, expected);
  return field.value;
}

/** The value as a text that fits a pattern. */
export function asText(field: Field, expected: string, pattern: RegExp = /^/): string {
  const { value } = field;
  if (typeof value !== 'string' || !pattern.test(value)) throw new ShapeError(field, expected);
  return value;
}

/** The value as one of the given words. */
export function asOneOf<Word extends string>(field: Field, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === field.value);
  if (word === undefined) throw new ShapeError(field, `one of: ${words.join(', ')}`);
  return word;
}

/** The value as a whole number that is exact in JavaScript. */
export function asWholeNumber(field: Field, expected: string, least = 0): number {
  const { value } = field;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least)
    throw new ShapeError(field, expected);
  return value;
}

/** The value as a list. */
export function asList(field: Field, expected: string): readonly Field[] {
  const { value, path } = field;
  if (!Array.isArray(value)) throw new ShapeError(field, expected);
  return Array.from(value, (item: unknown, position) => ({ value: item, path: [...path, String(position)] }));
}

/** Refuses a value with objects or lists inside each other, more than `deepest` of them. @throws ShapeError */
export function checkNesting({ value, path }: Field, deepest: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (deepest === 0) throw new ShapeError({ value, path }, 'something that is nested less deeply');
  for (const item of Object.values(value)) checkNesting({ value: item, path }, deepest - 1);
}

/** Names a value shortly enough for a message. */
function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'a list';
  if (isObject(value)) return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
