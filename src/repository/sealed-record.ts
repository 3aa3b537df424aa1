import { createHash } from 'node:crypto';
import type { RevisionRecord } from '../domain/revision.ts';
import { backyError } from '../errors.ts';
import { LARGEST_FILE_BYTES } from '../plain-file.ts';
import { parseRecord } from './record.ts';
import { type Checksum, checksumIn } from './record-checksum.ts';

const END = '\n}\n';

/**
 * Formats a record file. The last key holds the SHA-256 of all preceding lines, which `head -n -2 | sha256sum`
 * prints, too.
 *
 * @param checksum replaces the computed checksum, for a record whose alteration must stay visible
 * @throws BACKY_INVALID_ARGUMENT for a record that backy would not read back
 */
export function formatRecord(record: RevisionRecord, checksum?: Checksum): string {
  const text = checksum ? textOf({ ...record, [checksum.key]: checksum.value }) : withChecksum(record);
  const problem = problemOfReading(text, record.uuid);
  if (problem === undefined) return text;
  const detail = `the record of ${record.uuid} ${problem}`;
  throw backyError('BACKY_INVALID_ARGUMENT', { detail });
}

function problemOfReading(text: string, uuid: string): string | undefined {
  if (Buffer.byteLength(text) > LARGEST_FILE_BYTES) return 'would exceed the limit of 1 MiB';
  try {
    parseRecord(text, uuid);
    return undefined;
  } catch (error) {
    return `could not be read: ${error instanceof Error ? error.message : error}`;
  }
}

function withChecksum(record: RevisionRecord): string {
  const facts = `${textOf(record).slice(0, -END.length)},\n`;
  return facts + lastLines(facts);
}

/**
 * Returns the checksum of a record file if it does not match the bytes, because they were edited or damaged.
 *
 * @returns undefined when it matches, when there is none, and when the file is not one of our records
 */
export function wrongChecksum(bytes: Buffer): Checksum | undefined {
  const facts = bytes.subarray(0, -lastLines('').length);
  if (bytes.subarray(facts.length).equals(Buffer.from(lastLines(facts)))) return undefined;
  const value = parse(bytes);
  return isOurs(value) ? checksumIn(value) : undefined;
}

function textOf(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** Formats the checksum line and the end of the object, which always have the same length. */
function lastLines(facts: string | Buffer): string {
  return `  "checksum": "sha256-${createHash('sha256').update(facts).digest('hex')}"${END}`;
}

/** Returns whether a value is a record of this backy, damaged or not. */
function isOurs(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'formatVersion');
}

/** Returns undefined for anything but JSON, such as the YAML of the Python backy. */
function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
