import { DEFAULT_GRACE_MS } from '../../config/config.ts';
import { decodeTimeZone } from '../../config/decode-schedule.ts';
import { decodeDuration, decodeFlag, decodeSize, optional } from '../../config/decode-setting.ts';
import { asWholeNumber, type Field, isObject, member, ShapeError } from '../../domain/shape.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import type { JobDefaults } from './decode-job.ts';
import { decodePath } from './decode-setting.ts';
import { checkKeysWithWarnings } from './old-keys.ts';

const KEYS = [
  'base-dir',
  'worker-limit',
  'backup-completed-callback',
  'status-file',
  'status-interval',
  'include',
  'time-zone',
  'shutdown-timeout',
  'grace-time',
  'require-reflink',
  'rate',
  'idle',
] as const;
const STATUS_INTERVAL_MS = 30_000;
const SHUTDOWN_TIMEOUT_MS = 600_000;
const MOST_WORKERS = 1000;

/** The settings of the service as a whole. */
export type Global = Omit<
  ServiceConfig,
  'path' | 'jobs' | 'schedules' | 'windows' | 'limits' | 'notify' | 'api' | 'warnings'
> & {
  readonly jobDefaults: JobDefaults;
};

/** Checks `global`. @throws ShapeError */
export function decodeGlobal(global: Field, path: string, warnings: string[]): Global {
  checkKeysWithWarnings(global, KEYS, warnings);
  if (member(global, 'base-dir').value === undefined)
    throw new ShapeError(
      { ...global, path: [...global.path, 'base-dir'], value: undefined },
      `a directory for the jobs of ${path}`,
    );
  const baseDirectory = decodePath(member(global, 'base-dir')).replace(/(?<=.)\/+$/, '');
  const setting = (key: string): Field => member(global, key);
  return {
    baseDirectory,
    statusFile: decodeOr(setting('status-file'), decodePath, `${baseDirectory}/status`),
    statusIntervalMs: decodeOr(setting('status-interval'), decodeDuration, STATUS_INTERVAL_MS),
    workers: decodeWorkers(setting('worker-limit')),
    ...optional('completedCallback', setting('backup-completed-callback'), decodePath),
    shutdownTimeoutMs: decodeOr(setting('shutdown-timeout'), decodeDuration, SHUTDOWN_TIMEOUT_MS),
    jobDefaults: {
      ...optional('timeZone', setting('time-zone'), decodeTimeZone),
      graceMs: decodeOr(setting('grace-time'), decodeDuration, DEFAULT_GRACE_MS),
      requireReflink: decodeFlag(setting('require-reflink')),
      ...optional('rate', setting('rate'), decodeSize),
      ...optional('idle', setting('idle'), decodeFlag),
    },
  };
}

function decodeOr<Value>(field: Field, decode: (field: Field) => Value, fallback: Value): Value {
  return field.value === undefined || field.value === null ? fallback : decode(field);
}

/** One number is for each of the two pools, as in the Python backy. */
function decodeWorkers(field: Field): ServiceConfig['workers'] {
  if (field.value === undefined || field.value === null) return { fast: 1, slow: 1 };
  const count = (one: Field): number => {
    const workers = asWholeNumber(one, 'a number of workers, 1 or more', 1);
    if (workers > MOST_WORKERS) throw new ShapeError(one, `at most ${MOST_WORKERS} workers`);
    return workers;
  };
  if (!isObject(field.value)) return { fast: count(field), slow: count(field) };
  checkKeysWithWarnings(field, ['fast', 'slow'], []);
  return { fast: count(member(field, 'fast')), slow: count(member(field, 'slow')) };
}
