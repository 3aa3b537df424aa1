import { type Field, member, root } from '../domain/shape.ts';
import { DEFAULT_SIZE_LIMIT } from '../domain/size-limit.ts';
import { checkKeys } from './check-keys.ts';
import { type Config, DEFAULT_GRACE_MS } from './config.ts';
import {
  decodeKeep,
  decodeLegacyKeep,
  decodeSchedule,
  decodeTag,
  decodeTimeZone,
  keepTag,
} from './decode-schedule.ts';
import { decodeDuration, decodeFlag, decodeSize, optional } from './decode-setting.ts';
import { decodeSource } from './decode-source.ts';
import { type LegacyConfig, translateLegacy } from './legacy-config.ts';
import { DEFAULT_SCHEDULE } from './write-config.ts';

const CONFIG_KEYS = [
  'source',
  'schedule',
  'time-zone',
  'require-reflink',
  'grace-time',
  'size-limit',
  'rate',
  'idle',
] as const;

/**
 * Checks the plain values of a configuration. It does so without a schema library, which would take longer to load than
 * an unchanged source takes to read.
 *
 * @param isNew whether this backy wrote it. Then tags are checked; older versions allowed any text
 * @throws ShapeError that names the key
 */
export function decodeConfig(value: unknown, isNew: boolean): Config {
  const config = root(value);
  const legacy = translateLegacy(config);
  return legacy ? decodeLegacy(legacy) : decodeOwn(config, isNew);
}

function decodeOwn(config: Field, isNew: boolean): Config {
  checkKeys(config, CONFIG_KEYS);
  return {
    source: decodeSource(member(config, 'source')),
    schedule: decodeSchedule(member(config, 'schedule'), {
      decodeTag: isNew ? decodeTag : keepTag,
      decodeKeep,
    }),
    ...optional('timeZone', member(config, 'time-zone'), decodeTimeZone),
    requireReflink: decodeFlag(member(config, 'require-reflink')),
    graceMs: decodeGrace(member(config, 'grace-time')),
    sizeLimit: decodeSizeLimit(member(config, 'size-limit')),
    ...optional('rate', member(config, 'rate'), decodeSize),
    ...optional('idle', member(config, 'idle'), decodeFlag),
  };
}

/** The size limit in bytes; by default one that fits any current disk. */
function decodeSizeLimit(field: Field): number {
  return field.value === undefined ? DEFAULT_SIZE_LIMIT : decodeSize(field);
}

/** Without a schedule of the Python backy, the default intervals apply and nothing expires. */
function decodeLegacy({ source, schedule }: LegacyConfig): Config {
  const given = schedule.value === undefined ? root(UNLIMITED_SCHEDULE) : schedule;
  return {
    source: decodeSource(source),
    schedule: decodeSchedule(given, { decodeTag: keepTag, decodeKeep: decodeLegacyKeep }),
    requireReflink: false,
    graceMs: DEFAULT_GRACE_MS,
    sizeLimit: DEFAULT_SIZE_LIMIT,
  };
}

const UNLIMITED_SCHEDULE = Object.fromEntries(
  Object.entries(DEFAULT_SCHEDULE).map(([tag, { interval }]) => [tag, { interval, keep: 0 }]),
);

/** The grace time in milliseconds. With 0, revisions are removed at once. */
function decodeGrace(grace: Field): number {
  if (grace.value === undefined) return DEFAULT_GRACE_MS;
  const { value } = grace;
  if (value === 0 || value === '0') return 0;
  return decodeDuration(grace);
}
