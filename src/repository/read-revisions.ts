import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { byAge, type DamagedRevision, type RevisionRecord } from '../domain/revision.ts';
import { isRevisionId } from '../domain/revision-id.ts';
import { ShapeError } from '../domain/shape.ts';
import { backyError, isBackyError } from '../errors.ts';
import { fromNodeError } from '../io-error.ts';
import { INDEX_SUFFIX, type Layout, RECORD_SUFFIX } from './layout.ts';
import { parseRecord } from './record.ts';

/** All revisions of a repository. */
export interface RevisionList {
  /** Oldest first. */
  readonly revisions: readonly RevisionRecord[];
  readonly damaged: readonly DamagedRevision[];
}

/** A record is about 1 KiB; anything near this is not one. */
const LARGEST_RECORD_BYTES = 1 << 16;
/** How many records are read before others get a turn. */
const RECORDS_AT_ONCE = 256;

/**
 * Reads all records. What is wrong with one revision makes that one damaged and never hides another.
 *
 * @throws BACKY_IO when the directory itself cannot be read
 */
export async function readRevisions(layout: Layout): Promise<RevisionList> {
  const names = new Set(await listDirectory(layout.directory));
  const ids = [...names]
    .filter((name) => name.endsWith(RECORD_SUFFIX))
    .map(stem)
    .filter(isRevisionId)
    .sort();
  const revisions: RevisionRecord[] = [];
  const damaged: DamagedRevision[] = [];
  for (const [count, id] of ids.entries()) {
    if (count % RECORDS_AT_ONCE === RECORDS_AT_ONCE - 1) await nextTurn();
    const { record, reason } = readRevision(layout, id, names);
    if (record) revisions.push(record);
    if (reason !== undefined) damaged.push({ uuid: id, reason });
  }
  return { revisions: revisions.sort(byAge), damaged };
}

/**
 * Reads one record from its file, which must be a plain file: a symbolic link is not followed, a pipe not waited for.
 *
 * @throws BACKY_RECORD_DAMAGED, BACKY_IO
 */
export function readRecord(layout: Layout, id: string): RevisionRecord {
  const path = layout.files(id).record;
  try {
    return parseRecord(readPlainFile(path), id);
  } catch (cause) {
    if (!(cause instanceof ShapeError || cause instanceof SyntaxError)) throw fromNodeError(cause);
    throw backyError('BACKY_RECORD_DAMAGED', { path, problem: cause.message }, { cause });
  }
}

/** A record, or what is wrong with it; neither when it was removed since the directory was listed. */
interface Reading {
  readonly record?: RevisionRecord;
  readonly reason?: string;
}

function readRevision(layout: Layout, id: string, names: ReadonlySet<string>): Reading {
  try {
    const record = readRecord(layout, id);
    if (!names.has(id)) return { reason: 'its image is missing' };
    if (!names.has(id + INDEX_SUFFIX)) return { reason: 'its index is missing' };
    return { record };
  } catch (error) {
    if (!isBackyError(error)) throw error;
    const { errno } = error.details;
    if (errno === 'ENOENT') return {};
    // A shortage on this machine says nothing about the record.
    if (errno === 'EMFILE' || errno === 'ENFILE' || errno === 'ENOMEM') throw error;
    return { reason: error.message };
  }
}

/** Synchronously: that is ten times as fast for many small files. */
function readPlainFile(path: string): string {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new SyntaxError('it is not a plain file');
    if (stats.size > LARGEST_RECORD_BYTES) throw new SyntaxError('it is too large');
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
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
