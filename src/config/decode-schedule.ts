import { INTERVAL_EXPECTED, type Interval, parseInterval } from '../domain/interval.ts';
import { nearest } from '../domain/nearest.ts';
import { KEEP_ALL, type Schedule, type ScheduleRule } from '../domain/schedule.ts';
import { asObject, asText, asWholeNumber, type Field, member, ShapeError } from '../domain/shape.ts';
import { isTag } from '../domain/tags.ts';
import { isTimeZone, TIME_ZONE_EXPECTED, timeZones } from '../domain/time-zone.ts';
import { checkKeys } from './check-keys.ts';
import { decodeTimeOfDay, optional } from './decode-setting.ts';

/** The rules for reading a schedule: strict if this backy wrote it. */
export interface ScheduleStyle {
  /** Reads a tag from its key. */
  readonly decodeTag: (schedule: Field, tag: string) => string;
  readonly decodeKeep: (keep: Field) => number;
}

/** The tag unchanged, because an old configuration may use any text. */
export function keepTag(_: Field, tag: string): string {
  return tag;
}

/** Checks the schedule of a configuration. @throws ShapeError that names the key */
export function decodeSchedule(schedule: Field, { decodeTag, decodeKeep }: ScheduleStyle): Schedule {
  const rules = asObject(schedule, 'a rule by tag, such as daily: { interval: 1d, keep: 9 }');
  return new Map(
    Object.keys(rules).map((tag) => [
      decodeTag(schedule, tag),
      decodeRule(member(schedule, tag), decodeKeep),
    ]),
  );
}

/** The number of revisions to keep; 0 means all, as in the Python backy. @throws ShapeError */
export function decodeLegacyKeep(keep: Field): number {
  return asWholeNumber(keep, 'a whole number of revisions') || KEEP_ALL;
}

/** The name of a time zone. @throws ShapeError */
export function decodeTimeZone(zone: Field): string {
  const name = asText(zone, TIME_ZONE_EXPECTED);
  if (isTimeZone(name)) return name;
  const near = nearest(name, timeZones());
  throw new ShapeError(zone, near ? `the time zone "${near}"` : TIME_ZONE_EXPECTED);
}

/** The tag of a configuration that this backy wrote. @throws ShapeError */
export function decodeTag({ path }: Field, tag: string): string {
  if (isTag(tag)) return tag;
  const problem = { path: [...path, tag], value: tag };
  throw new ShapeError(problem, 'a tag of letters, digits, dots, colons, dashes and underscores', 'key');
}

function decodeRule(rule: Field, decodeRuleKeep: (keep: Field) => number): ScheduleRule {
  checkKeys(rule, ['interval', 'keep', 'at']);
  return {
    ...decodeInterval(member(rule, 'interval')),
    keep: decodeRuleKeep(member(rule, 'keep')),
    ...optional('atMs', member(rule, 'at'), decodeTimeOfDay),
  };
}

/** The number of revisions to keep. @throws ShapeError */
export function decodeKeep(keep: Field): number {
  return asWholeNumber(keep, 'a whole number of revisions, 1 or more', 1);
}

/** Reads an interval, which is a text, or a number of seconds. */
function decodeInterval(field: Field): Interval {
  const { value } = field;
  const interval =
    typeof value === 'string' || typeof value === 'number' ? parseInterval(String(value)) : undefined;
  if (interval === undefined) throw new ShapeError(field, INTERVAL_EXPECTED);
  return interval;
}
