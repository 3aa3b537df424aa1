import { existsSync, lstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { isRevisionId, looksLikeRevisionId, timeOfRevisionId } from '../domain/revision-id.ts';
import { isoTime } from '../domain/time-span.ts';
import { fromNodeError } from '../io-error.ts';
import { INDEX_SUFFIX, type Layout, PARTIAL_SUFFIX, RECORD_SUFFIX, UNFINISHED_SUFFIX } from './layout.ts';
import { isTemporary } from './temporary.ts';
import { batchesOf, listDirectory } from './trash-batches.ts';
import { readUnfinished } from './unfinished.ts';

/** A complete image without a record. It is data, so backy never removes it on its own. */
export interface UnrecordedImage {
  readonly uuid: string;
  /** Bytes. */
  readonly size: number;
  /** Time of the image according to its id and its file: ISO 8601, UTC. */
  readonly timestamp: string;
  /** Whether the image has an index. */
  readonly indexed: boolean;
}

/** Files in a repository that belong to no revision. */
export interface Unrecorded {
  /** Oldest first. */
  readonly unrecorded: readonly UnrecordedImage[];
  /** Names that look like leftovers of an interrupted run, without proof that they are. */
  readonly foreign: readonly string[];
}

/** Finds the files without a record. @throws BACKY_IO when the directory cannot be read */
export async function readUnrecorded(layout: Layout): Promise<Unrecorded> {
  try {
    return await findUnrecorded(layout, new Set(await readdir(layout.directory)));
  } catch (error) {
    throw fromNodeError(error);
  }
}

/** Finds the files without a record in a list of names. @param names the contents of the directory */
export async function findUnrecorded(layout: Layout, names: ReadonlySet<string>): Promise<Unrecorded> {
  const unrecorded: UnrecordedImage[] = [];
  const foreign: string[] = [];
  for (const name of names) {
    const id = uncoveredId(name, names);
    if (id === undefined) continue;
    if (name.startsWith('.')) {
      if (!isTemporary(layout.directory, name)) foreign.push(name);
    } else if (readUnfinished(layout, id) === undefined && !(await isMovingToTrash(layout, id))) {
      const image = name === id ? describe(layout, id) : undefined;
      if (image) unrecorded.push(image);
      else if (!isObsolete(layout, name, id)) foreign.push(name);
    }
  }
  return { unrecorded: unrecorded.sort(byTime), foreign: foreign.sort() };
}

/** Returns the id of a name that no record covers. Most names are covered and need no further check. */
function uncoveredId(name: string, names: ReadonlySet<string>): string | undefined {
  if (name.startsWith('.')) return name.startsWith('.tmp-') ? name : undefined;
  const suffix = [UNFINISHED_SUFFIX, INDEX_SUFFIX + PARTIAL_SUFFIX, PARTIAL_SUFFIX, INDEX_SUFFIX].find(
    (each) => name.endsWith(each),
  );
  const id = suffix ? name.slice(0, -suffix.length) : name;
  const isRecorded = names.has(id + RECORD_SUFFIX);
  if (isRecorded && (suffix === undefined || suffix === INDEX_SUFFIX)) return undefined;
  if (suffix === INDEX_SUFFIX && names.has(id)) return undefined;
  if (!isRevisionId(id)) return undefined;
  const isNamedLikeOurs = looksLikeRevisionId(id) || isRecorded || names.has(id + INDEX_SUFFIX);
  return isNamedLikeOurs ? id : undefined;
}

/** Returns undefined as well if the record has appeared since the directory was read. */
function describe(layout: Layout, id: string): UnrecordedImage | undefined {
  return existsSync(layout.files(id).record) ? undefined : describeImage(layout, id);
}

/** Describes an image without its record; undefined for anything but a plain file. */
export function describeImage(layout: Layout, id: string): UnrecordedImage | undefined {
  const { image, index } = layout.files(id);
  const stats = lstatSync(image, { throwIfNoEntry: false });
  if (!stats?.isFile()) return undefined;
  // An id may be ahead of a clock that was set back. The last write limits the time.
  const takenMs = Math.min(timeOfRevisionId(id) ?? stats.mtimeMs, stats.mtimeMs);
  const timestamp = isoTime(takenMs);
  return { uuid: id, size: stats.size, timestamp, indexed: existsSync(index) };
}

/** Returns whether the file was recorded or removed since the directory was read. */
function isObsolete(layout: Layout, name: string, id: string): boolean {
  if (!lstatSync(`${layout.directory}/${name}`, { throwIfNoEntry: false })) return true;
  return name === id && existsSync(layout.files(id).record);
}

/** Returns whether the image is being moved: its record is in the trash and the image is not there yet. */
async function isMovingToTrash(layout: Layout, id: string): Promise<boolean> {
  for (const batch of await batchesOf(layout)) {
    const names = await listDirectory(batch.layout.directory);
    if (names.includes(id + RECORD_SUFFIX) && !names.includes(id)) return true;
  }
  return false;
}

function byTime(a: UnrecordedImage, b: UnrecordedImage): number {
  return a.timestamp < b.timestamp || (a.timestamp === b.timestamp && a.uuid < b.uuid) ? -1 : 1;
}
