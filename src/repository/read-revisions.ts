import { existsSync, lstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { withDoubts } from '../domain/doubt.ts';
import type {
  DamagedRevision,
  IncompleteRevision,
  RevisionRecord,
  UnreadableRevision,
} from '../domain/revision.ts';
import { isRevisionId } from '../domain/revision-id.ts';
import { inOrderOfTaking } from '../domain/revision-order.ts';
import { ShapeError } from '../domain/shape.ts';
import { type BackyError, backyError, isBackyError } from '../errors.ts';
import { fromNodeError, isIoError, isNodeError } from '../io-error.ts';
import { readPlainFile } from '../plain-file.ts';
import { hasChunks } from './chunked.ts';
import { INDEX_SUFFIX, type Layout, RECORD_SUFFIX } from './layout.ts';
import { type LegacyReading, parseLegacyText, readLegacyRecord } from './legacy-record.ts';
import { FIRST_WORDS, parseRecord } from './record.ts';
import { findUnrecorded, type Unrecorded } from './unrecorded.ts';

/** The records of a repository. */
export interface Records {
  /** Oldest first. */
  readonly revisions: readonly RevisionRecord[];
  readonly damaged: readonly DamagedRevision[];
  readonly unreadable: readonly UnreadableRevision[];
  readonly incomplete: readonly IncompleteRevision[];
}

/** All revisions of a repository, and the files without a record. */
export interface RevisionList extends Records, Unrecorded {}

/** The event loop gets a turn after this many records. */
const RECORDS_AT_ONCE = 256;

/**
 * Reads all records. A defect makes one revision damaged and never hides another one.
 *
 * @throws BACKY_IO when the directory itself cannot be read, BACKY_CHUNKED_REPOSITORY
 */
export async function readRevisions(layout: Layout): Promise<RevisionList> {
  const names = new Set(await listDirectory(layout.directory));
  if (names.has('chunks') && hasChunks(layout))
    throw backyError('BACKY_CHUNKED_REPOSITORY', { path: layout.directory });
  return { ...(await readThese(layout, idsOf(names), names)), ...(await findUnrecorded(layout, names)) };
}

/**
 * Reads the records of the ids that `fits` accepts, as `readRevisions` does.
 *
 * @param names the contents of the directory
 */
export function readSome(
  layout: Layout,
  names: readonly string[],
  fits: (id: string) => boolean,
): Promise<Records> {
  const all = new Set(names);
  return readThese(layout, idsOf(all).filter(fits), all);
}

/** Counts the records in a directory without opening them; 0 when the directory does not exist. @throws BACKY_IO */
export async function countRecords(directory: string): Promise<number> {
  try {
    return idsOf(new Set(await readdir(directory))).length;
  } catch (error) {
    if (isNodeError(error, 'ENOENT', 'ENOTDIR')) return 0;
    throw fromNodeError(error);
  }
}

/** Returns whether the record of a revision exists, without opening it. */
export function holdsRecordOf(layout: Layout, id: string): boolean {
  return existsSync(layout.files(id).record);
}

/**
 * Reads one record from its file.
 *
 * @throws BACKY_RECORD_DAMAGED, BACKY_CHUNKED_REPOSITORY, BACKY_IO
 */
export function readRecord(layout: Layout, id: string): RevisionRecord {
  const reading = readAnyRecord(layout, id);
  if (reading.kind === 'complete') return reading.record;
  const path = layout.files(id).record;
  if (reading.kind === 'incomplete')
    throw backyError('BACKY_RECORD_DAMAGED', { path, problem: reading.reason });
  throw backyError('BACKY_CHUNKED_REPOSITORY', { path: layout.directory });
}

async function readThese(
  layout: Layout,
  ids: readonly string[],
  names: ReadonlySet<string>,
): Promise<Records> {
  const revisions: RevisionRecord[] = [];
  const damaged: DamagedRevision[] = [];
  const unreadable: UnreadableRevision[] = [];
  const incomplete: IncompleteRevision[] = [];
  for (const [count, uuid] of ids.entries()) {
    if (count % RECORDS_AT_ONCE === RECORDS_AT_ONCE - 1) await nextTurn();
    const reading = readRevision(layout, uuid, names);
    if (reading?.kind === 'complete') revisions.push(reading.record);
    if (reading?.kind === 'damaged') damaged.push({ uuid, reason: reading.reason });
    if (reading?.kind === 'unreadable') unreadable.push({ uuid, reason: reading.reason });
    if (reading?.kind === 'incomplete') incomplete.push({ uuid, reason: reading.reason });
    if (reading?.kind === 'chunked') throw backyError('BACKY_CHUNKED_REPOSITORY', { path: layout.directory });
  }
  return { revisions: withDoubts(inOrderOfTaking(revisions)), damaged, unreadable, incomplete };
}

type Reading = LegacyReading | { readonly kind: 'damaged' | 'unreadable'; readonly reason: string };

/** Reads one revision. @returns undefined when its record was removed after the directory was listed */
function readRevision(layout: Layout, id: string, names: ReadonlySet<string>): Reading | undefined {
  try {
    const reading = readAnyRecord(layout, id);
    if (reading.kind !== 'complete') return reading;
    if (!names.has(id)) return { kind: 'damaged', reason: 'its image is missing' };
    const isIndexMissing = reading.record.digest !== null && !names.has(id + INDEX_SUFFIX);
    return isIndexMissing ? { kind: 'damaged', reason: 'its index is missing' } : reading;
  } catch (error) {
    if (!isBackyError(error)) throw error;
    const { errno, path } = error.details;
    if (errno === 'ENOENT') {
      const isRecord = path === layout.files(id).record;
      return isRecord ? undefined : { kind: 'damaged', reason: 'its image is missing' };
    }
    // A shortage of resources on this machine is no damage.
    if (errno === 'EMFILE' || errno === 'ENFILE' || errno === 'ENOMEM') throw error;
    if (isForbidden(error)) return { kind: 'unreadable', reason: describeForbidden(layout, error) };
    return { kind: 'damaged', reason: error.message };
  }
}

/** A lack of permission is no damage either. */
function isForbidden(error: BackyError): boolean {
  return isIoError(error, 'EACCES', 'EPERM');
}

function describeForbidden({ directory }: Layout, { details }: BackyError): string {
  const cure = `chown -hR --reference=${directory} ${directory}`;
  return `its record cannot be read: ${details.reason}; as root, give everything to the owner of the directory (${cure})`;
}

/** Reads a record of either backy. The first bytes identify our own records, which are the most common ones. */
function readAnyRecord(layout: Layout, id: string): LegacyReading {
  const { record: path, image } = layout.files(id);
  try {
    const text = readPlainFile(path).toString();
    const legacy = text.startsWith(FIRST_WORDS) ? undefined : parseLegacyText(text);
    if (legacy) return readLegacyRecord(legacy, id, () => sizeOf(image));
    return { kind: 'complete', record: parseRecord(text, id) };
  } catch (cause) {
    if (!(cause instanceof ShapeError || cause instanceof SyntaxError)) throw fromNodeError(cause);
    throw backyError('BACKY_RECORD_DAMAGED', { path, problem: cause.message }, { cause });
  }
}

/** Looks up the size in bytes, which records of the Python backy lack. */
function sizeOf(image: string): number {
  const stats = lstatSync(image);
  if (!stats.isFile()) throw new SyntaxError('its image is not a plain file');
  return stats.size;
}

/** Returns the sorted ids that have a record. */
function idsOf(names: ReadonlySet<string>): readonly string[] {
  return [...names]
    .filter((name) => name.endsWith(RECORD_SUFFIX))
    .map(stem)
    .filter(isRevisionId)
    .sort();
}

async function listDirectory(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    throw fromNodeError(error);
  }
}

function stem(name: string): string {
  return name.slice(0, -RECORD_SUFFIX.length);
}
