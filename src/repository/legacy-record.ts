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

/** What a record of the Python backy stands for. */
export type LegacyReading =
  | { readonly kind: 'complete'; readonly record: RevisionRecord }
  | { readonly kind: 'incomplete'; readonly reason: string }
  /** Its image is a map of chunks, which we cannot read. */
  | { readonly kind: 'chunked' };

/** Which facts only our own records have. */
const OWN_KEYS = ['formatVersion', 'digest', 'blockSize', 'verifiedAt'];
/** The records of the Python backy have no aliases, or one for the list of tags; many are made to explode. */
const MOST_ALIASES = 4;

/**
 * The value of a record of the Python backy from the text of its file: JSON in 2014, YAML since. Undefined for
 * anything else: it is ours then, or none.
 */
export function parseLegacyText(text: string): Readonly<Record<string, unknown>> | undefined {
  const value = parseJson(text) ?? parseYaml(text);
  return isObject(value) && !OWN_KEYS.some((key) => Object.hasOwn(value, key)) ? value : undefined;
}

/**
 * Reads the record of revision `id` as one of ours: what the Python backy did not know is unknown or zero, and keys
 * that we do not know are carried along.
 *
 * @param imageSize looks up the size of the image in bytes
 * @throws ShapeError: the record is damaged
 */
export function readLegacyRecord(value: unknown, id: string, imageSize: () => number): LegacyReading {
  const record = root(value);
  if (isChunked(record, id)) return { kind: 'chunked' };
  checkBackend(member(record, 'backend_type'));
  const unfinished = unfinishedReason(record);
  const translated = translate(record, unfinished === undefined ? imageSize() : 0);
  // Only what is well-formed in every other respect is taken for incomplete, as that is removed by a machine.
  const read = checkRecord(translated, id);
  return unfinished === undefined
    ? { kind: 'complete', record: read }
    : { kind: 'incomplete', reason: unfinished };
}

function translate(record: Field, size: number): unknown {
  const stats = statsOf(record);
  // Ours is of the record.
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

/** The very first records, of March 2014, have no stats, but say of what kind the image is. */
function statsOf(record: Field): Readonly<Record<string, unknown>> {
  const [stats, type] = [member(record, 'stats'), member(record, 'type')];
  return stats.value === undefined && type.value !== undefined ? {} : asObject(stats, 'what the backup took');
}

/** Why a backup never finished: it would have noted how long it took, or in the very first records a checksum. */
function unfinishedReason(record: Field): string | undefined {
  if (member(record, 'stats').value !== undefined) {
    const isFinished = Object.hasOwn(statsOf(record), 'duration');
    return isFinished ? undefined : 'its backup never finished: the record has no duration';
  }
  const type = member(record, 'type');
  if (type.value === 'delta')
    throw new ShapeError(type, '"full": a delta of March 2014 holds only what differed, and is no image');
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

/** What keeps revisions from the time before there were tags: without one the next backup would remove them. */
const UNTAGGED = 'manual:untagged';

/** At first there were no tags, then one, then a list. */
function translateTags(record: Field): unknown {
  const [tags, tag] = [member(record, 'tags').value, member(record, 'tag').value];
  const listed = tags === undefined ? [tag ?? UNTAGGED] : tags || (isPresent(tag) ? [tag] : []);
  return Array.isArray(listed) ? listed.map(asTagText) : listed;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** YAML has numbers and truth values where people wrote a word; in the schedule the same one is a text. */
function asTagText(tag: unknown): unknown {
  return typeof tag === 'number' || typeof tag === 'boolean' ? String(tag) : tag;
}

const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,6})?(Z|[ ]?[+-]\d\d:\d\d)?$/;
const LATEST_EPOCH_S = 253_402_300_799;

/** Seconds since 1970, or a time of day, in UTC unless it has a zone. Nothing of its precision is lost. */
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

/** Loaded only where there is such a record: it takes longer than reading a thousand of ours. */
function parseYaml(text: string): unknown {
  const yaml: typeof import('js-yaml') = createRequire(import.meta.url)('js-yaml');
  try {
    return yaml.load(text, { schema: yaml.CORE_SCHEMA, maxAliases: MOST_ALIASES });
  } catch {
    return undefined;
  }
}
