import { join } from 'node:path';
import { checkKeys } from '../../config/check-keys.ts';
import { decodeDuration, decodeFlag, decodeSize, optional } from '../../config/decode-setting.ts';
import { decodeSource } from '../../config/decode-source.ts';
import { nearest } from '../../domain/nearest.ts';
import type { Schedule } from '../../domain/schedule.ts';
import { asObject, asText, type Field, isObject, member, ShapeError } from '../../domain/shape.ts';
import type { Hooks, JobConfig, Window } from '../model/service-config.ts';
import { decodeOwnSchedule } from './decode-schedules.ts';
import { decodeCommand } from './decode-setting.ts';
import { checkKeysWithWarnings } from './old-keys.ts';

/** Settings of a job that `global` may set for all jobs. */
export type JobDefaults = Pick<JobConfig, 'timeZone' | 'graceMs' | 'requireReflink' | 'rate' | 'idle'>;

/** The rest of the configuration, as far as a job refers to it. */
export interface JobSurroundings extends JobDefaults {
  readonly baseDirectory: string;
  readonly schedules: ReadonlyMap<string, Schedule>;
  readonly windows: ReadonlyMap<string, Window>;
  /** Takes warnings. */
  readonly warnings: string[];
}

const KEYS = [
  'schedule',
  'source',
  'window',
  'sla',
  'verify',
  'hooks',
  'require-reflink',
  'rate',
  'idle',
] as const;
/** The service's own files in the base directory begin with a dot or are named in `global`. */
const NAME = /^[^.\-/\p{Cc}\p{Cf}\p{Zl}\p{Zp}][^/\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u;
const LONGEST_NAME_BYTES = 200;
const RESERVED = ['status', 'state.json', 'audit.log'];
/** A revision may be half an interval late before its absence counts. */
const SLA_SHARE = 1.5;

/** Checks a job. @throws ShapeError */
export function decodeJob(name: string, job: Field, surroundings: JobSurroundings): JobConfig {
  const { baseDirectory, windows, warnings, timeZone, graceMs } = surroundings;
  checkName(name, job);
  checkKeysWithWarnings(job, KEYS, warnings);
  const { scheduleName, schedule } = decodeScheduleOf(member(job, 'schedule'), surroundings.schedules);
  const source = member(job, 'source');
  warnOfOldKeys(source, warnings);
  const windowName = (field: Field): string => known(field, windows, 'window');
  return {
    name,
    directory: join(baseDirectory, name),
    source: decodeSource(withoutOldKeys(source)),
    scheduleName,
    schedule,
    ...optional('window', member(job, 'window'), windowName),
    sla: decodeSla(member(job, 'sla'), schedule),
    ...optional('verifyMs', member(job, 'verify'), decodeDuration),
    hooks: decodeHooks(member(job, 'hooks')),
    ...(timeZone === undefined ? {} : { timeZone }),
    graceMs,
    requireReflink: decodeFlag(orDefault(member(job, 'require-reflink'), surroundings.requireReflink)),
    ...(surroundings.rate === undefined ? {} : { rate: surroundings.rate }),
    ...optional('rate', member(job, 'rate'), decodeSize),
    ...optional('idle', orDefault(member(job, 'idle'), surroundings.idle), decodeFlag),
  };
}

function orDefault(field: Field, value: unknown): Field {
  return field.value === undefined ? { ...field, value } : field;
}

function checkName(name: string, job: Field): void {
  const field = { ...job, value: name };
  if (!NAME.test(name))
    throw new ShapeError(
      field,
      'a name without / and control characters that begins with neither a dot nor a hyphen',
      'key',
    );
  if (Buffer.byteLength(name) > LONGEST_NAME_BYTES)
    throw new ShapeError(field, `a name of at most ${LONGEST_NAME_BYTES} bytes`, 'key');
  if (RESERVED.includes(name))
    throw new ShapeError(field, 'another name: the service has a file of that name', 'key');
}

function decodeScheduleOf(
  field: Field,
  schedules: ReadonlyMap<string, Schedule>,
): { readonly scheduleName: string; readonly schedule: Schedule } {
  if (isObject(field.value)) return { scheduleName: '(own)', schedule: decodeOwnSchedule(field) };
  const scheduleName = known(field, schedules, 'schedule');
  return { scheduleName, schedule: schedules.get(scheduleName) ?? new Map() };
}

/** The name of an entry elsewhere in the configuration. @throws ShapeError */
function known(field: Field, entries: ReadonlyMap<string, unknown>, what: string): string {
  const name = asText(field, `the name of a ${what}`);
  if (entries.has(name)) return name;
  const near = nearest(name, entries.keys());
  throw new ShapeError(field, near ? `the ${what} "${near}"` : `a ${what} that is defined`);
}

function decodeSla(field: Field, schedule: Schedule): ReadonlyMap<string, number> {
  const given = field.value === undefined ? {} : asObject(field, 'a duration by tag');
  const tags = [...schedule.keys()];
  const stranger = Object.keys(given).find((tag) => !tags.includes(tag));
  if (stranger !== undefined)
    throw new ShapeError(
      { path: [...field.path, stranger], value: stranger },
      `one of ${tags.join(', ')}`,
      'key',
    );
  return new Map(
    [...schedule].map(([tag, { intervalMs }]) => [
      tag,
      Object.hasOwn(given, tag) ? decodeDuration(member(field, tag)) : intervalMs * SLA_SHARE,
    ]),
  );
}

function decodeHooks(field: Field): Hooks {
  if (field.value === undefined) return {};
  checkKeys(field, ['before', 'after']);
  return {
    ...optional('before', member(field, 'before'), decodeCommand),
    ...optional('after', member(field, 'after'), decodeCommand),
  };
}

const OLD_SOURCE_KEYS = ['backend', 'cow', 'vm', 'consul_acl_token'];

function warnOfOldKeys(source: Field, warnings: string[]): void {
  if (!isObject(source.value)) return;
  checkKeysWithWarnings(
    source,
    Object.keys(source.value).filter((key) => !OLD_SOURCE_KEYS.includes(key)),
    warnings,
  );
}

function withoutOldKeys(source: Field): Field {
  if (!isObject(source.value)) return source;
  const kept = Object.entries(source.value).filter(([key]) => !OLD_SOURCE_KEYS.includes(key));
  return { ...source, value: Object.fromEntries(kept) };
}
