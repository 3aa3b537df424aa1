import { createRequire } from 'node:module';
import type { RevisionRecord } from '../domain/revision.ts';
import {
  asObject,
  asOneOf,
  asText,
  type Field,
  isObject,
  member,
  root,
  ShapeError,
} from '../domain/shape.ts';
import { checkRecord, FORMAT_VERSION } from './record.ts';

/** Result of reading a record of the Python backy. */
export type LegacyReading =
  | { readonly kind: 'complete'; readonly record: RevisionRecord }
  | { readonly kind: 'incomplete'; readonly reason: string }
  /** The image is a map of chunks, a format that backy does not read. */
  | { readonly kind: 'chunked' };

/** Keys that only our own records have. */
const OWN_KEYS = ['formatVersion', 'digest', 'blockSize', 'verifiedAt'];
/**
 * The Python backy writes at most one alias, for the list of tags. Many aliases are an attack that expands in memory.
 */
const MOST_ALIASES = 4;

/**
 * Parses the text of a record of the Python backy, which is JSON from 2014 or YAML.
 *
 * @returns undefined for any other text, such as one of our own records
 */
export function parseLegacyText(text: string): Readonly<Record<string, unknown>> | undefined {
  const value = parseJson(text) ?? parseYaml(text);
  return isObject(value) && !OWN_KEYS.some((key) => Object.hasOwn(value, key)) ? value : undefined;
}

/**
 * Translates a record of the Python backy into our format. Missing facts become unknown or zero, and unknown keys are
 * kept.
 *
 * @param imageSize returns the size of the image in bytes
 * @throws ShapeError when the record is damaged
 */
export function readLegacyRecord(value: unknown, id: string, imageSize: () => number): LegacyReading {
  const record = root(value);
  if (isChunked(record, id)) return { kind: 'chunked' };
  checkBackend(member(record, 'backend_type'));
  const unfinished = unfinishedReason(record);
  const translated = translate(record, unfinished === undefined ? imageSize() : 0);
  // A purge removes incomplete revisions, so every other part of such a record must be valid.
  const read = checkRecord(translated, id);
  return unfinished === undefined
    ? { kind: 'complete', record: read }
    : { kind: 'incomplete', reason: unfinished };
}

function translate(record: Field, size: number): unknown {
  const stats = statsOf(record);
  // The checksum of the Python backy covers the image, ours covers the record.
  const { checksum: imageChecksum, ...rest } = asObject(record);
  return {
    formatVersion: FORMAT_VERSION,
    ...rest,
    ...(imageChecksum === undefined ? {} : { imageChecksum }),
    timestamp: translateTime(member(record, 'timestamp')),
    parent: member(record, 'parent').value || null,
    tags: translateTags(record),
    trust: member(record, 'trust').value ?? 'trusted',
    size,
    digest: null,
    blockSize: null,
    source: { type: 'unknown' },
    consistency: 'crash',
    stats: {
      ...stats,
      duration: stats.duration ?? 0,
      bytesRead: 0,
      bytesWritten: stats.bytes_written ?? 0,
      bytesChanged: 0,
      bytesZero: 0,
      method: 'unknown',
      sharing: 'unknown',
    },
    verifiedAt: null,
    ...(member(record, 'server').value === null ? { server: '' } : {}),
  };
}

/** The first records, of March 2014, have the type of the image instead of statistics. */
function statsOf(record: Field): Readonly<Record<string, unknown>> {
  const [stats, type] = [member(record, 'stats'), member(record, 'type')];
  return stats.value === undefined && type.value !== undefined ? {} : asObject(stats, 'what the backup took');
}

/** Explains why a backup is unfinished: its duration is missing or, in the first records, its checksum. */
function unfinishedReason(record: Field): string | undefined {
  if (member(record, 'stats').value !== undefined) {
    const isFinished = Object.hasOwn(statsOf(record), 'duration');
    return isFinished ? undefined : 'its backup never finished: the record has no duration';
  }
  const type = member(record, 'type');
  if (type.value === 'delta')
    throw new ShapeError(type, '"full": a delta of March 2014 holds only differences and is no image');
  asOneOf(type, ['full']);
  const { value } = member(record, 'checksum');
  return value ? undefined : 'its backup never finished: the record has no checksum';
}

function isChunked(record: Field, id: string): boolean {
  return member(record, 'backend_type').value === 'chunked' && member(record, 'uuid').value === id;
}

function checkBackend(backend: Field): void {
  if (backend.value !== undefined) asOneOf(backend, ['cowfile']);
}

/** Keeps revisions that predate tags: the next backup would expire them without a tag. */
const UNTAGGED = 'manual:untagged';

/** Early records have no tag, later ones have one tag, and newer ones have a list. */
function translateTags(record: Field): unknown {
  const [tags, tag] = [member(record, 'tags').value, member(record, 'tag').value];
  const listed = tags === undefined ? [tag ?? UNTAGGED] : tags || (isPresent(tag) ? [tag] : []);
  return Array.isArray(listed) ? listed.map(asTagText) : listed;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** YAML reads some tags as numbers or booleans. The schedule has the same tags as text. */
function asTagText(tag: unknown): unknown {
  return typeof tag === 'number' || typeof tag === 'boolean' ? String(tag) : tag;
}

const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,6})?(Z|[ ]?[+-]\d\d:\d\d)?$/;
const LATEST_EPOCH_S = 253_402_300_799;

/** Converts seconds since 1970, or a date and time, to ISO 8601 at full precision. UTC is the default zone. */
function translateTime(field: Field): string {
  const { value } = field;
  if (typeof value === 'number' && value > 0 && value <= LATEST_EPOCH_S) return isoOfEpoch(value);
  const expected = 'seconds since 1970, or a time such as 2016-01-31 04:05:06.789012+00:00';
  const [, date, time, fraction = '', zone = 'Z'] = TIME.exec(asText(field, expected)) ?? [];
  const epochMs = Date.parse(`${date}T${time}${zone.trim()}`);
  if (date === undefined || Number.isNaN(epochMs)) throw new ShapeError(field, expected);
  return `${new Date(epochMs).toISOString().slice(0, 'YYYY-MM-DDThh:mm:ss'.length)}${fraction}Z`;
}

function isoOfEpoch(epochS: number): string {
  const micros = Math.round(epochS * 1e6);
  const [wholeS, rest] = [Math.floor(micros / 1e6), micros % 1e6];
  return new Date(wholeS * 1000).toISOString().replace('.000Z', `.${String(rest).padStart(6, '0')}Z`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Loads the YAML parser on demand: loading takes longer than reading a thousand of our own records. */
function parseYaml(text: string): unknown {
  const yaml: typeof import('js-yaml') = createRequire(import.meta.url)('js-yaml');
  try {
    return yaml.load(text, { schema: yaml.CORE_SCHEMA, maxAliases: MOST_ALIASES });
  } catch {
    return undefined;
  }
}
