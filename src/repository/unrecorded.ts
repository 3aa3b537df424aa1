import { existsSync, lstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { isRevisionId, looksLikeRevisionId, timeOfRevisionId } from '../domain/revision-id.ts';
import { isoTime } from '../domain/time-span.ts';
import { fromNodeError } from '../io-error.ts';
import { INDEX_SUFFIX, type Layout, PARTIAL_SUFFIX, RECORD_SUFFIX, UNFINISHED_SUFFIX } from './layout.ts';
import { isTemporary } from './temporary.ts';
import { batchesOf, listDirectory } from './trash-batches.ts';
import { readUnfinished } from './unfinished.ts';

/** A finished image whose record is missing: data, whoever made it. No machine removes it. */
export interface UnrecordedImage {
  readonly uuid: string;
  /** Bytes. */
  readonly size: number;
  /** When it was taken, as far as its id or its file tells: ISO 8601, UTC. */
  readonly timestamp: string;
  /** Whether an index lies beside it. */
  readonly indexed: boolean;
}

/** What lies in a repository beside its revisions. */
export interface Unrecorded {
  /** Oldest first. */
  readonly unrecorded: readonly UnrecordedImage[];
  /** The names of what looks like the work of an interrupted run, although nothing proves that it is. */
  readonly foreign: readonly string[];
}

/** Looks for what no record speaks of. @throws BACKY_IO when the directory cannot be read */
export async function readUnrecorded(layout: Layout): Promise<Unrecorded> {
  try {
    return await findUnrecorded(layout, new Set(await readdir(layout.directory)));
  } catch (error) {
    throw fromNodeError(error);
  }
}

/** The same where the directory was read already. @param names what is in it */
export async function findUnrecorded(layout: Layout, names: ReadonlySet<string>): Promise<Unrecorded> {
  const unrecorded: UnrecordedImage[] = [];
  const foreign: string[] = [];
  for (const name of names) {
    const id = suspectedOf(name, names);
    if (id === undefined) continue;
    if (name.startsWith('.')) {
      if (!isTemporary(layout.directory, name)) foreign.push(name);
    } else if (readUnfinished(layout, id) === undefined && !(await isInTrash(layout, id))) {
      const image = name === id ? describe(layout, id) : undefined;
      if (image) unrecorded.push(image);
      else if (!isSettled(layout, name, id)) foreign.push(name);
    }
  }
  return { unrecorded: unrecorded.sort(byTime), foreign: foreign.sort() };
}

/** The id that a name may belong to, if no record explains it; most names are explained, and need no second look. */
function suspectedOf(name: string, names: ReadonlySet<string>): string | undefined {
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

/** Undefined also where its record has come since the directory was read. */
function describe(layout: Layout, id: string): UnrecordedImage | undefined {
  return existsSync(layout.files(id).record) ? undefined : describeImage(layout, id);
}

/** What an image tells of itself; undefined for anything but a plain file. */
export function describeImage(layout: Layout, id: string): UnrecordedImage | undefined {
  const { image, index } = layout.files(id);
  const stats = lstatSync(image, { throwIfNoEntry: false });
  if (!stats?.isFile()) return undefined;
  // Ids may run ahead of a clock that was set back; no image is older than its last byte.
  const takenMs = Math.min(timeOfRevisionId(id) ?? stats.mtimeMs, stats.mtimeMs);
  const timestamp = isoTime(takenMs);
  return { uuid: id, size: stats.size, timestamp, indexed: existsSync(index) };
}

/** Whether it has got a record, or has gone, since the directory was read. */
function isSettled(layout: Layout, name: string, id: string): boolean {
  if (!lstatSync(`${layout.directory}/${name}`, { throwIfNoEntry: false })) return true;
  return name === id && existsSync(layout.files(id).record);
}

/** What has its record in the trash, and is missing there, is on its way there. */
async function isInTrash(layout: Layout, id: string): Promise<boolean> {
  for (const batch of await batchesOf(layout)) {
    const names = await listDirectory(batch.layout.directory);
    if (names.includes(id + RECORD_SUFFIX) && !names.includes(id)) return true;
  }
  return false;
}

function byTime(a: UnrecordedImage, b: UnrecordedImage): number {
  return a.timestamp < b.timestamp || (a.timestamp === b.timestamp && a.uuid < b.uuid) ? -1 : 1;
}
