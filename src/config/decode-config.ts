import { DURATION_EXPECTED, parseDuration } from '../domain/duration.ts';
import type { Schedule, ScheduleRule } from '../domain/schedule.ts';
import { asObject, asWholeNumber, type Field, member, root, ShapeError } from '../domain/shape.ts';
import { isTag } from '../domain/tags.ts';
import { checkKeys } from './check-keys.ts';
import type { Config } from './config.ts';
import { decodeFlag } from './decode-setting.ts';
import { decodeSource } from './decode-source.ts';

/**
 * Checks the plain values of a configuration, by hand: loading a schema library would take longer than
 * reading a source that has not changed.
 *
 * @throws ShapeError that names the key
 */
export function decodeConfig(value: unknown): Config {
  const config = root(value);
  checkKeys(config, ['source', 'schedule', 'require-reflink']);
  return {
    source: decodeSource(member(config, 'source')),
    schedule: decodeSchedule(member(config, 'schedule')),
    requireReflink: decodeFlag(member(config, 'require-reflink')),
  };
}

function decodeSchedule(schedule: Field): Schedule {
  const rules = asObject(schedule, 'a rule by tag, such as daily: { interval: 1d, keep: 9 }');
  return new Map(
    Object.keys(rules).map((tag) => [decodeTag(schedule, tag), decodeRule(member(schedule, tag))]),
  );
}

function decodeTag({ path }: Field, tag: string): string {
  if (isTag(tag)) return tag;
  const problem = { path: [...path, tag], value: tag };
  throw new ShapeError(problem, 'a tag of letters, digits, dots, colons, dashes and underscores', 'key');
}

function decodeRule(rule: Field): ScheduleRule {
  checkKeys(rule, ['interval', 'keep']);
  return {
    intervalMs: decodeInterval(member(rule, 'interval')),
    keep: asWholeNumber(member(rule, 'keep'), 'a whole number of revisions, 1 or more', 1),
  };
}

/** Durations are texts; a bare number, which YAML makes a number, counts seconds. */
function decodeInterval(interval: Field): number {
  const { value } = interval;
  const durationMs =
    typeof value === 'string' || typeof value === 'number' ? parseDuration(String(value)) : undefined;
  if (durationMs === undefined) throw new ShapeError(interval, DURATION_EXPECTED);
  return durationMs;
}
