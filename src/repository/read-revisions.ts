import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { byAge, type DamagedRevision, type RevisionRecord } from '../domain/revision.ts';
import { isRevisionId } from '../domain/revision-id.ts';
import { ShapeError } from '../domain/shape.ts';
import { isBackyError } from '../errors.ts';
import { fromNodeError, isIoError } from '../io-error.ts';
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
/** How many records are open at a time: far below any limit on open files. */
const RECORDS_AT_ONCE = 64;

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
  for (let start = 0; start < ids.length; start += RECORDS_AT_ONCE) {
    const batch = ids.slice(start, start + RECORDS_AT_ONCE);
    for (const result of await Promise.all(batch.map((id) => readRevision(layout, id, names)))) {
      if (!result) continue;
      if ('reason' in result) damaged.push(result);
      else revisions.push(result);
    }
  }
  return { revisions: revisions.sort(byAge), damaged };
}

/**
 * Reads one record from its file, which must be a plain file: a symbolic link is not followed, a pipe not waited for.
 *
 * @throws ShapeError, SyntaxError, BACKY_IO
 */
export async function readRecord(layout: Layout, id: string): Promise<RevisionRecord> {
  return parseRecord(await readPlainFile(layout.files(id).record), id);
}

async function readRevision(
  layout: Layout,
  id: string,
  names: ReadonlySet<string>,
): Promise<RevisionRecord | DamagedRevision | undefined> {
  try {
    const record = await readRecord(layout, id);
    if (!names.has(id)) return { uuid: id, reason: 'its image is missing' };
    if (!names.has(id + INDEX_SUFFIX)) return { uuid: id, reason: 'its index is missing' };
    return record;
  } catch (error) {
    // Removed since the directory was listed.
    if (isIoError(error, 'ENOENT')) return undefined;
    return { uuid: id, reason: damage(error) };
  }
}

function damage(error: unknown): string {
  if (error instanceof ShapeError) return `its record is not valid: ${error.message}`;
  if (error instanceof SyntaxError) return `its record is not JSON: ${error.message}`;
  // A shortage on this machine says nothing about the record.
  if (!isBackyError(error) || ['EMFILE', 'ENFILE', 'ENOMEM'].includes(String(error.details.errno)))
    throw error;
  return error.message;
}

async function readPlainFile(path: string): Promise<string> {
  try {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw new SyntaxError('it is not a plain file');
      if (stats.size > LARGEST_RECORD_BYTES) throw new SyntaxError('it is too large');
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fromNodeError(error);
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
