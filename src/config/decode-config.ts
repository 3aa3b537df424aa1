import { DURATION_EXPECTED, parseDuration } from '../domain/duration.ts';
import { KEEP_ALL, type Schedule, type ScheduleRule } from '../domain/schedule.ts';
import { asObject, asWholeNumber, type Field, member, root, ShapeError } from '../domain/shape.ts';
import { isTag } from '../domain/tags.ts';
import { checkKeys } from './check-keys.ts';
import { type Config, DEFAULT_GRACE_MS } from './config.ts';
import { decodeFlag, decodeSize, optional } from './decode-setting.ts';
import { decodeSource } from './decode-source.ts';
import { type LegacyConfig, translateLegacy } from './legacy-config.ts';
import { DEFAULT_SCHEDULE } from './write-config.ts';

/**
 * Checks the plain values of a configuration, by hand: loading a schema library would take longer than
 * reading a source that has not changed.
 *
 * @throws ShapeError that names the key
 */
export function decodeConfig(value: unknown): Config {
  const config = root(value);
  const legacy = translateLegacy(config);
  return legacy ? decodeLegacy(legacy) : decodeOwn(config);
}

function decodeOwn(config: Field): Config {
  checkKeys(config, ['source', 'schedule', 'require-reflink', 'grace-time', 'rate', 'idle']);
  return {
    source: decodeSource(member(config, 'source')),
    schedule: decodeSchedule(member(config, 'schedule')),
    requireReflink: decodeFlag(member(config, 'require-reflink')),
    graceMs: decodeGrace(member(config, 'grace-time')),
    ...optional('rate', member(config, 'rate'), decodeSize),
    ...optional('idle', member(config, 'idle'), decodeFlag),
  };
}

/** Where the Python backy had no schedule, tags are due as by default, and nothing expires before there is one. */
function decodeLegacy({ source, schedule }: LegacyConfig): Config {
  const given = schedule.value === undefined ? root(UNLIMITED_SCHEDULE) : schedule;
  return {
    source: decodeSource(source),
    schedule: decodeSchedule(given, decodeLegacyKeep),
    requireReflink: false,
    graceMs: DEFAULT_GRACE_MS,
  };
}

const UNLIMITED_SCHEDULE = Object.fromEntries(
  Object.entries(DEFAULT_SCHEDULE).map(([tag, { interval }]) => [tag, { interval, keep: 0 }]),
);

function decodeSchedule(schedule: Field, decodeRuleKeep: (keep: Field) => number = decodeKeep): Schedule {
  const rules = asObject(schedule, 'a rule by tag, such as daily: { interval: 1d, keep: 9 }');
  return new Map(
    Object.keys(rules).map((tag) => [
      decodeTag(schedule, tag),
      decodeRule(member(schedule, tag), decodeRuleKeep),
    ]),
  );
}

function decodeTag({ path }: Field, tag: string): string {
  if (isTag(tag)) return tag;
  const problem = { path: [...path, tag], value: tag };
  throw new ShapeError(problem, 'a tag of letters, digits, dots, colons, dashes and underscores', 'key');
}

function decodeRule(rule: Field, decodeRuleKeep: (keep: Field) => number): ScheduleRule {
  checkKeys(rule, ['interval', 'keep']);
  return {
    intervalMs: decodeInterval(member(rule, 'interval')),
    keep: decodeRuleKeep(member(rule, 'keep')),
  };
}

function decodeKeep(keep: Field): number {
  return asWholeNumber(keep, 'a whole number of revisions, 1 or more', 1);
}

/** To the Python backy 0 meant all. */
function decodeLegacyKeep(keep: Field): number {
  return asWholeNumber(keep, 'a whole number of revisions') || KEEP_ALL;
}

/** Durations are texts; a bare number, which YAML makes a number, counts seconds. */
function decodeInterval(interval: Field): number {
  const { value } = interval;
  const durationMs =
    typeof value === 'string' || typeof value === 'number' ? parseDuration(String(value)) : undefined;
  if (durationMs === undefined) throw new ShapeError(interval, DURATION_EXPECTED);
  return durationMs;
}

/** No time at all is a choice, too: what is removed is gone at once. */
function decodeGrace(grace: Field): number {
  if (grace.value === undefined) return DEFAULT_GRACE_MS;
  return grace.value === 0 || grace.value === '0' ? 0 : decodeInterval(grace);
}
