/** A value of unknown shape and its path in the document. */
export interface Field {
  readonly value: unknown;
  readonly path: readonly string[];
}

/** Thrown by the functions below if the value at `path` has another shape than expected. */
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

/** A member of an object. Its value is undefined if the object has no such key. @throws ShapeError if not an object */
export function member(parent: Field, key: string): Field {
  const object = asObject(parent);
  return { value: Object.hasOwn(object, key) ? object[key] : undefined, path: [...parent.path, key] };
}

/** Whether a value is an object with string keys. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as an object with string keys. @throws ShapeError */
export function asObject(field: Field, expected = 'an object'): Readonly<Record<string, unknown>> {
  if (!isObject(field.value)) throw new ShapeError(field, expected);
  return field.value;
}

/** The value as a text that matches a pattern. @throws ShapeError */
export function asText(field: Field, expected: string, pattern: RegExp = /^/): string {
  const { value } = field;
  if (typeof value !== 'string' || !pattern.test(value)) throw new ShapeError(field, expected);
  return value;
}

/** The value as one of the given words. @throws ShapeError */
export function asOneOf<Word extends string>(field: Field, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === field.value);
  if (word === undefined) throw new ShapeError(field, `one of: ${words.join(', ')}`);
  return word;
}

/** The value as a whole number of at least `least` that JavaScript represents exactly. @throws ShapeError */
export function asWholeNumber(field: Field, expected: string, least = 0): number {
  const { value } = field;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least)
    throw new ShapeError(field, expected);
  return value;
}

/** The value as a list. @throws ShapeError */
export function asList(field: Field, expected: string): readonly Field[] {
  const { value, path } = field;
  if (!Array.isArray(value)) throw new ShapeError(field, expected);
  return Array.from(value, (item: unknown, position) => ({ value: item, path: [...path, String(position)] }));
}

/** Refuses a value with more than `deepest` levels of nested objects or lists. @throws ShapeError */
export function checkNesting({ value, path }: Field, deepest: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (deepest === 0) throw new ShapeError({ value, path }, 'something that is nested less deeply');
  for (const item of Object.values(value)) checkNesting({ value: item, path }, deepest - 1);
}

/** A short description of a value, for messages. */
function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'a list';
  if (isObject(value)) return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
