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

/** What the records of a repository say. */
export interface Records {
  /** Oldest first. */
  readonly revisions: readonly RevisionRecord[];
  readonly damaged: readonly DamagedRevision[];
  readonly unreadable: readonly UnreadableRevision[];
  readonly incomplete: readonly IncompleteRevision[];
}

/** All revisions of a repository, and what lies there without a record. */
export interface RevisionList extends Records, Unrecorded {}

/** How many records are read before others get a turn. */
const RECORDS_AT_ONCE = 256;

/**
 * Reads all records. What is wrong with one revision makes that one damaged and never hides another.
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
 * Reads the records of those ids alone that fit, as `readRevisions` does.
 *
 * @param names what is in the directory
 */
export function readSome(
  layout: Layout,
  names: readonly string[],
  fits: (id: string) => boolean,
): Promise<Records> {
  const all = new Set(names);
  return readThese(layout, idsOf(all).filter(fits), all);
}

/** How many records there are in a directory, which need not be there itself. Whether they are any good is not looked at. */
export async function countRecords(directory: string): Promise<number> {
  try {
    return idsOf(new Set(await readdir(directory))).length;
  } catch (error) {
    if (isNodeError(error, 'ENOENT', 'ENOTDIR')) return 0;
    throw fromNodeError(error);
  }
}

/** Whether a directory has the record of a revision. Whether it is any good is not looked at. */
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

/** A record, or what is wrong with it; undefined when it was removed since the directory was listed. */
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
    // A shortage on this machine says nothing about the record.
    if (errno === 'EMFILE' || errno === 'ENFILE' || errno === 'ENOMEM') throw error;
    if (isForbidden(error)) return { kind: 'unreadable', reason: describeForbidden(layout, error) };
    return { kind: 'damaged', reason: error.message };
  }
}

/** Permissions say something about the user, and nothing about the revision. */
function isForbidden(error: BackyError): boolean {
  return isIoError(error, 'EACCES', 'EPERM');
}

function describeForbidden({ directory }: Layout, { details }: BackyError): string {
  const cure = `chown -hR --reference=${directory} ${directory}`;
  return `its record cannot be read: ${details.reason}; as root, give everything to the owner of the directory (${cure})`;
}

/** Whoever wrote it: most records are ours, and that shows in how they begin. */
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

/** The Python backy does not say how large an image is. */
function sizeOf(image: string): number {
  const stats = lstatSync(image);
  if (!stats.isFile()) throw new SyntaxError('its image is not a plain file');
  return stats.size;
}

/** The ids that have a record, sorted. */
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
