import type {
  Adoption,
  Consistency,
  Hold,
  RevisionRecord,
  RevisionStats,
  SourceIdentity,
  Trust,
} from '../domain/revision.ts';
import { isRevisionId } from '../domain/revision-id.ts';
import {
  asList,
  asObject,
  asOneOf,
  asText,
  asWholeNumber,
  checkNesting,
  type Field,
  member,
  root,
  ShapeError,
} from '../domain/shape.ts';
import { parseFileIdentity } from './file-identity.ts';
import { withoutChecksum } from './record-checksum.ts';

/** Format version of the records that backy writes. */
export const FORMAT_VERSION = 1;

/** The first characters of each record that this version writes. */
export const FIRST_WORDS = '{\n  "formatVersion"';

const TRUSTS: readonly Trust[] = ['trusted', 'verified', 'distrusted'];
const CONSISTENCIES: readonly Consistency[] = ['crash', 'frozen', 'offline', 'live'];
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/;
const DIGEST = /^[0-9a-f]{64}$/;
/** Real records are far flatter. A deeper one would exhaust the stack when it is written again. */
const DEEPEST_NESTING = 16;

/**
 * Parses the record of revision `id`. Unknown keys are kept. The checksum is not verified, because people may edit
 * records.
 *
 * @throws ShapeError, SyntaxError when the record is damaged
 */
export function parseRecord(text: string, id: string): RevisionRecord {
  return checkRecord(JSON.parse(text), id);
}

/** Checks the parsed value of a record. @throws ShapeError */
export function checkRecord(value: unknown, id: string): RevisionRecord {
  const record = root(value);
  checkNesting(record, DEEPEST_NESTING);
  const formatVersion = member(record, 'formatVersion');
  if (formatVersion.value !== FORMAT_VERSION)
    throw new ShapeError(formatVersion, `the format ${FORMAT_VERSION}`);
  return parseFormat1(record, id);
}

function parseFormat1(record: Field, id: string): RevisionRecord {
  const verifiedAt = member(record, 'verifiedAt');
  const [hold, slot] = [member(record, 'hold'), member(record, 'slot')];
  const adopted = member(record, 'adopted');
  const parent = member(record, 'parent');
  checkOptionalText(record, 'server');
  checkOptionalText(record, 'distrustedBecause');
  checkOptionalIds(record, 'suspects');
  checkOptionalText(record, 'unfinishedRestore');
  return {
    ...withoutChecksum(asObject(record)),
    formatVersion: FORMAT_VERSION,
    uuid: asText(member(record, 'uuid'), `${id}, the name of its file`, new RegExp(`^${id}$`)),
    timestamp: parseTimestamp(member(record, 'timestamp')),
    ...(slot.value === undefined ? {} : { slot: parseTimestamp(slot) }),
    parent: parent.value === null ? null : parseId(parent),
    tags: asList(member(record, 'tags'), 'a list of tags').map(parseTag),
    trust: asOneOf(member(record, 'trust'), TRUSTS),
    size: asWholeNumber(member(record, 'size'), 'a size in bytes'),
    ...parseIndexFacts(member(record, 'digest'), member(record, 'blockSize')),
    source: parseSource(member(record, 'source')),
    consistency: asOneOf(member(record, 'consistency'), CONSISTENCIES),
    stats: parseStats(member(record, 'stats')),
    verifiedAt: verifiedAt.value === null ? null : parseTimestamp(verifiedAt),
    ...(hold.value === undefined ? {} : { hold: parseHold(hold) }),
    ...(adopted.value === undefined ? {} : { adopted: parseAdoption(adopted) }),
  };
}

/** Both values are null while the revision has no index. */
function parseIndexFacts(digest: Field, blockSize: Field): Pick<RevisionRecord, 'digest' | 'blockSize'> {
  if (digest.value === null && blockSize.value === null) return { digest: null, blockSize: null };
  return {
    digest: asText(digest, 'a BLAKE3 hash in lower-case hex', DIGEST),
    blockSize: asWholeNumber(blockSize, 'a size in bytes', 1),
  };
}

function parseSource(source: Field): SourceIdentity {
  checkOptionalText(source, 'filename');
  checkOptionalText(source, 'volume');
  checkOptionalText(source, 'image');
  checkOptionalText(source, 'imageId');
  checkOptionalText(source, 'format');
  checkOptionalCount(source, 'snapshotId');
  const snapshotFile = member(source, 'snapshotFile');
  if (snapshotFile.value !== undefined) parseFileIdentity(snapshotFile);
  return { ...asObject(source), type: asText(member(source, 'type'), 'a source type') };
}

function parseHold(hold: Field): Hold {
  const until = member(hold, 'until');
  return {
    reason: asText(member(hold, 'reason'), 'a text'),
    since: parseTimestamp(member(hold, 'since')),
    until: until.value === null ? null : parseTimestamp(until),
  };
}

function parseAdoption(adopted: Field): Adoption {
  return {
    at: parseTimestamp(member(adopted, 'at')),
    index: asOneOf(member(adopted, 'index'), ['found', 'made']),
  };
}

function parseStats(stats: Field): RevisionStats {
  const bytes = (key: string): number => asWholeNumber(member(stats, key), 'a number of bytes');
  checkOptionalText(stats, 'sharingReason');
  checkOptionalText(stats, 'fallback');
  checkOptionalText(stats, 'snapshotDropped');
  checkOptionalCount(stats, 'extents');
  checkOptionalCount(stats, 'sampleRun');
  checkOptionalRanges(stats, 'hintFailures');
  checkOptionalText(stats, 'fullRead');
  return {
    ...asObject(stats),
    duration: parseDuration(member(stats, 'duration')),
    bytesRead: bytes('bytesRead'),
    bytesWritten: bytes('bytesWritten'),
    bytesChanged: bytes('bytesChanged'),
    bytesZero: bytes('bytesZero'),
    method: asText(member(stats, 'method'), 'a word'),
    sharing: asText(member(stats, 'sharing'), 'a word'),
  };
}

/** Checks the type of an optional key. The value itself is copied with the unknown keys. */
function checkOptionalText(parent: Field, key: string): void {
  const field = member(parent, key);
  if (field.value !== undefined) asText(field, 'a text');
}

function checkOptionalCount(parent: Field, key: string): void {
  const field = member(parent, key);
  if (field.value !== undefined) asWholeNumber(field, 'a whole number');
}

function checkOptionalIds(parent: Field, key: string): void {
  const field = member(parent, key);
  if (field.value !== undefined) asList(field, 'a list of ids').forEach(parseId);
}

function checkOptionalRanges(parent: Field, key: string): void {
  const field = member(parent, key);
  if (field.value === undefined) return;
  for (const range of asList(field, 'a list of ranges')) {
    asWholeNumber(member(range, 'offset'), 'a number of bytes');
    asWholeNumber(member(range, 'length'), 'a number of bytes');
  }
}

function parseDuration(field: Field): number {
  const { value } = field;
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
    throw new ShapeError(field, 'seconds');
  return value;
}

function parseTimestamp(field: Field): string {
  const expected = 'a time such as 2026-01-31T04:05:06.789Z';
  const text = asText(field, expected, TIMESTAMP);
  if (Number.isNaN(Date.parse(text))) throw new ShapeError(field, expected);
  return text;
}

function parseTag(field: Field): string {
  return asText(field, 'a tag');
}

function parseId(field: Field): string {
  const id = asText(field, 'the id of a revision or null');
  if (!isRevisionId(id)) throw new ShapeError(field, 'the id of a revision or null');
  return id;
}
