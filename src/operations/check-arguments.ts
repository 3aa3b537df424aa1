import { inspect } from 'node:util';
import { LATEST_MS } from '../domain/time-span.ts';
import { backyError } from '../errors.ts';

/** What a value must be, in the words of an error, and whether it is. */
interface Kind {
  readonly expected: string;
  readonly fits: (value: unknown) => boolean;
}

const TEXT: Kind = { expected: 'a string', fits: (value) => typeof value === 'string' };
const TEXTS: Kind = {
  expected: 'an array of strings',
  fits: (value) => Array.isArray(value) && value.every(TEXT.fits),
};
const PATH: Kind = {
  expected: 'a path',
  fits: (value) => typeof value === 'string' && value !== '' && !value.includes('\0'),
};
const FLAG: Kind = { expected: 'true or false', fits: (value) => typeof value === 'boolean' };
const OBJECT: Kind = { expected: 'an object', fits: (value) => typeof value === 'object' && value !== null };
const TARGET: Kind = {
  expected: 'a path or { fd } of an open descriptor',
  fits: (value) => PATH.fits(value) || isDescriptor(value),
};

/** Every option of the public calls goes by one name and is of one kind, but for numbers: who uses those knows their limits. */
const OPTIONS: ReadonlyMap<string, Kind> = new Map(
  Object.entries<Kind>({
    acceptRecords: FLAG,
    action: {
      expected: 'set, add or remove',
      fits: (value) => ['set', 'add', 'remove'].some((one) => one === value),
    },
    clone: FLAG,
    confirmed: FLAG,
    dryRun: FLAG,
    evenTheLast: FLAG,
    expected: TEXTS,
    filename: PATH,
    force: FLAG,
    fromNothing: FLAG,
    idle: FLAG,
    onProgress: { expected: 'a function', fits: (value) => typeof value === 'function' },
    reason: TEXT,
    repair: FLAG,
    requireReflink: FLAG,
    revision: TEXT,
    revisions: TEXT,
    schedule: OBJECT,
    slot: {
      expected: 'a Date of a year from 1970 to 9999',
      fits: (value) => value instanceof Date && value.getTime() >= 0 && value.getTime() <= LATEST_MS,
    },
    signal: { expected: 'an AbortSignal', fits: (value) => value instanceof AbortSignal },
    tags: TEXTS,
    target: TARGET,
    type: TEXT,
    until: {
      expected: 'a Date of a year before 10000',
      fits: (value) => value instanceof Date && !(value.getTime() > LATEST_MS),
    },
  }),
);

/**
 * The options of a public call, when they are what they must be: not every caller has a compiler to tell.
 *
 * @param required the names of those that must be there
 * @throws BACKY_INVALID_ARGUMENT
 */
export function checkOptions<Options extends object>(
  options: Options,
  ...required: readonly (string & keyof Options)[]
): Options {
  check('options', options, OBJECT);
  const isRequired = (name: string): boolean => required.some((one) => one === name);
  for (const name of new Set<string>([...required, ...Object.keys(options)])) {
    const [kind, value] = [OPTIONS.get(name), Reflect.get(options, name)];
    if (kind && (value !== undefined || isRequired(name))) check(name, value, kind);
  }
  return options;
}

/** The path of a directory, likewise. @throws BACKY_INVALID_ARGUMENT */
export function checkDirectory(directory: string): string {
  check('directory', directory, PATH);
  return directory;
}

/** A revision spec, likewise. @throws BACKY_INVALID_ARGUMENT */
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
