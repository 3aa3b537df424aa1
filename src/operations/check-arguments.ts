import { inspect } from 'node:util';
import { nearest } from '../domain/nearest.ts';
import { LATEST_MS } from '../domain/time-span.ts';
import { type BackyError, backyError } from '../errors.ts';

/** A kind of value: its name in errors, and a test for it. */
export interface Kind {
  readonly expected: string;
  readonly fits: (value: unknown) => boolean;
  readonly isRequired?: boolean;
}

export const TEXT: Kind = { expected: 'a string', fits: (value) => typeof value === 'string' };
export const TEXTS: Kind = {
  expected: 'an array of strings',
  fits: (value) => Array.isArray(value) && value.every(TEXT.fits),
};
export const PATH: Kind = {
  expected: 'a path',
  fits: (value) => typeof value === 'string' && value !== '' && !value.includes('\0'),
};
export const FLAG: Kind = { expected: 'true or false', fits: (value) => typeof value === 'boolean' };
export const OBJECT: Kind = {
  expected: 'an object',
  fits: (value) => typeof value === 'object' && value !== null,
};
export const CALLBACK: Kind = { expected: 'a function', fits: (value) => typeof value === 'function' };
export const SIGNAL: Kind = { expected: 'an AbortSignal', fits: (value) => value instanceof AbortSignal };
export const TARGET: Kind = {
  expected: 'a path or { fd } of an open descriptor',
  fits: (value) => PATH.fits(value) || isDescriptor(value),
};
export const DATE: Kind = {
  expected: 'a Date of a year before 10000',
  fits: (value) => value instanceof Date && !(value.getTime() > LATEST_MS),
};
/** Any number. The code that uses it checks its range. */
export const NUMBER: Kind = { expected: 'a number', fits: () => true };

/** A moment that can lie in a slot of the schedule. */
export const SLOT: Kind = {
  expected: 'a Date of a year from 1970 to 9999',
  fits: (value) => value instanceof Date && value.getTime() >= 0 && value.getTime() <= LATEST_MS,
};

/** A kind that accepts a few words only. */
export function oneOf(...words: readonly string[]): Kind {
  return {
    expected: `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`,
    fits: (value) => words.some((word) => word === value),
  };
}

/** Makes a kind mandatory. */
export function required(kind: Kind): Kind {
  return { ...kind, isRequired: true };
}

/** The kind of each option of a call. The compiler reports missing ones. */
export type OptionTable<Options> = Readonly<Record<keyof Options, Kind>>;

/**
 * Checks the options of a public call, because JavaScript callers have no compiler.
 *
 * @param table all options of the call; other names are refused, because they may be misspelt
 * @returns the options, unchanged
 * @throws BACKY_INVALID_ARGUMENT
 */
export function checkOptions<Options extends object>(options: Options, table: OptionTable<Options>): Options {
  check('options', options, OBJECT);
  const kinds = new Map<string, Kind>(Object.entries(table));
  for (const name of Object.keys(options)) if (!kinds.has(name)) throw unknownOption(name, [...kinds.keys()]);
  for (const [name, kind] of kinds) {
    const value: unknown = Reflect.get(options, name);
    if (value !== undefined || kind.isRequired) check(name, value, kind);
  }
  return options;
}

function unknownOption(name: string, known: readonly string[]): BackyError {
  const meant = nearest(name, known);
  const advice = meant ? `did you mean ${meant}?` : `this call takes ${known.join(', ')}`;
  return backyError('BACKY_INVALID_ARGUMENT', { detail: `there is no option ${inspect(name)}: ${advice}` });
}

/** Checks the path of a directory. @throws BACKY_INVALID_ARGUMENT */
export function checkDirectory(directory: string): string {
  check('directory', directory, PATH);
  return directory;
}

/** Checks a revision spec. @throws BACKY_INVALID_ARGUMENT */
export function checkSpec(spec: string): string {
  check('spec', spec, TEXT);
  return spec;
}

function check(name: string, value: unknown, { expected, fits }: Kind): void {
  if (fits(value)) return;
  throw backyError('BACKY_INVALID_ARGUMENT', { detail: `${name} is ${inspect(value)}, not ${expected}` });
}

function isDescriptor(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('fd' in value)) return false;
  return typeof value.fd === 'number' && Number.isInteger(value.fd) && value.fd >= 0;
}
