import { createHash } from 'node:crypto';
import type { RevisionRecord } from '../domain/revision.ts';
import { backyError } from '../errors.ts';
import { LARGEST_FILE_BYTES } from '../plain-file.ts';
import { parseRecord } from './record.ts';
import { type Checksum, checksumIn } from './record-checksum.ts';

const END = '\n}\n';

/**
 * The text of a record file. Its last key is the SHA-256 of all that stands before the line of that key, so that
 * `head -n -2 | sha256sum` says the same.
 *
 * @param checksum stands there instead, for a record that is not to pass for whole
 * @throws BACKY_INVALID_ARGUMENT for one that would be taken for damaged
 */
export function formatRecord(record: RevisionRecord, checksum?: Checksum): string {
  const text = checksum ? textOf({ ...record, [checksum.key]: checksum.value }) : withChecksum(record);
  const problem = whyUnreadable(text, record.uuid);
  if (problem === undefined) return text;
  const detail = `the record of ${record.uuid} ${problem}`;
  throw backyError('BACKY_INVALID_ARGUMENT', { detail });
}

function whyUnreadable(text: string, uuid: string): string | undefined {
  if (Buffer.byteLength(text) > LARGEST_FILE_BYTES) return 'would have more than the 1 MiB that are read';
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
 * The checksum of a record file that is not that of its bytes: somebody has edited them, or they have rotted. Undefined
 * where it is, where there is none, and where the file is no record of ours.
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

/** Always of the same length. */
function lastLines(facts: string | Buffer): string {
  return `  "checksum": "sha256-${createHash('sha256').update(facts).digest('hex')}"${END}`;
}

/** Whether a value is a record of this backy, or was before something happened to it. */
function isOurs(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'formatVersion');
}

/** Records of the Python backy may be YAML. */
function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
