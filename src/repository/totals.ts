import { lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isGood, newestGood, type RevisionRecord } from '../domain/revision.ts';
import { type Taken, takenOf } from '../domain/schedule.ts';
import {
  asList,
  asObject,
  asText,
  asWholeNumber,
  type Field,
  member,
  root,
  ShapeError,
} from '../domain/shape.ts';
import { LATEST_MS } from '../domain/time-span.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';
import { LARGEST_FILE_BYTES, readPlainFile } from '../plain-file.ts';
import { type Layout, RECORD_SUFFIX } from './layout.ts';
import { readRecord, readRevisions } from './read-revisions.ts';
import { replaceSmallFile } from './replace-file.ts';

/** Summary of a repository. */
export interface Totals {
  /** Number of readable revisions. */
  readonly revisions: number;
  /** Number of damaged revisions. */
  readonly damaged: number;
  /** Number of images without a record. */
  readonly unrecorded: number;
  /** Number of distrusted revisions. */
  readonly distrusted: number;
  /** Bytes written for all revisions. */
  readonly bytesWritten: number;
  /** Time of the newest good revision, ISO 8601, UTC; null if there is none. */
  readonly newest: string | null;
  /** For each tag, the newest good revision that carries it. */
  readonly newestOfTags: readonly TagCarrier[];
}

/** The newest good revision that carries a tag. Times in milliseconds since 1970. */
export interface TagCarrier {
  readonly tag: string;
  readonly takenAtMs: number;
  /** A moment of the slot that the revision was taken for. */
  readonly slotMs?: number;
}

/** Totals, and a function that caches them; it is absent when they come from the cache. */
export interface Reading {
  readonly totals: Totals;
  readonly remember?: () => void;
}

/**
 * Reads the totals of a repository, from the cache `.revisions` if that is current. The cache serves overviews
 * only, and a stale one is replaced.
 *
 * @throws BACKY_IO when the directory cannot be read
 */
export async function readTotals(layout: Layout): Promise<Reading> {
  try {
    const cached = readCache(layout, stampOf(layout));
    if (cached) return { totals: cached };
    const stamp = stampOf(layout);
    const totals = await count(layout);
    return { totals, remember: () => writeCache(layout, stamp, totals) };
  } catch (error) {
    throw fromNodeError(error);
  }
}

async function count(layout: Layout): Promise<Totals> {
  const { revisions, damaged, unreadable, unrecorded } = await readRevisions(layout);
  // A hidden record makes the totals unknown. Reading it again raises the error with the remedy.
  for (const { uuid } of unreadable) readRecord(layout, uuid);
  const isBad = (record: RevisionRecord): boolean => !isGood(record);
  return {
    revisions: revisions.length,
    damaged: damaged.length,
    unrecorded: unrecorded.length,
    distrusted: revisions.filter(isBad).length,
    bytesWritten: revisions.reduce((sum, { stats }) => sum + stats.bytesWritten, 0),
    newest: newestGood(revisions)?.timestamp ?? null,
    newestOfTags: newestOfTags(revisions.map(takenOf)),
  };
}

function newestOfTags(revisions: readonly Taken[]): readonly TagCarrier[] {
  const newest = new Map<string, TagCarrier>();
  for (const { tags, takenAtMs, slotMs, isGood: good } of revisions) {
    for (const tag of good ? tags : []) {
      if (takenAtMs < (newest.get(tag)?.takenAtMs ?? Number.NEGATIVE_INFINITY)) continue;
      newest.set(tag, { tag, takenAtMs, ...(slotMs === undefined ? {} : { slotMs }) });
    }
  }
  return [...newest.values()];
}

/** Changes whenever a record changes. */
interface Stamp {
  /** Last change of the directory or a record, in nanoseconds since 1970. */
  readonly changedNs: bigint;
  readonly text: string;
}

/**
 * Combines the file names with the last change of any record. A new, rewritten or edited record has a new change time,
 * and a removed one no longer has a name. Hidden files are left out, because a run that takes no revision changes them.
 * The stamp costs half as much as reading the records.
 */
function stampOf({ directory }: Layout): Stamp {
  const { mtimeNs } = statSync(directory, { bigint: true });
  let [newest, names] = [0n, 0];
  for (const name of readdirSync(directory)) {
    if (name.startsWith('.')) continue;
    names = (names + hashOf(name)) % Number.MAX_SAFE_INTEGER;
    if (!name.endsWith(RECORD_SUFFIX)) continue;
    const stats = lstatSync(join(directory, name), { bigint: true, throwIfNoEntry: false });
    if (stats && stats.ctimeNs > newest) newest = stats.ctimeNs;
  }
  return { changedNs: newest > mtimeNs ? newest : mtimeNs, text: `${newest}-${names}` };
}

/** FNV-1a, 32 bits. Callers add the hashes up, because directories have no order. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index += 1)
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** Two changes within one tick of the filesystem's clock look the same, so younger states are not cached. */
const TICK_NS = 20_000_000n;

function readCache({ totals }: Layout, stamp: Stamp): Totals | undefined {
  try {
    const cache = root(JSON.parse(readPlainFile(totals).toString()));
    if (asText(member(cache, 'stamp'), 'a stamp') !== stamp.text) return undefined;
    const count = (key: string): number => asWholeNumber(member(cache, key), 'a number');
    const newest = member(cache, 'newest');
    asObject(cache);
    return {
      revisions: count('revisions'),
      damaged: count('damaged'),
      unrecorded: count('unrecorded'),
      distrusted: count('distrusted'),
      bytesWritten: count('bytesWritten'),
      newest: newest.value === null ? null : decodeTime(newest),
      newestOfTags: asList(member(cache, 'newestOfTags'), 'a list').map(decodeCarrier),
    };
  } catch (error) {
    // A missing, damaged or unreadable cache is no error.
    if (isNodeError(error) || error instanceof SyntaxError || error instanceof ShapeError) return undefined;
    throw error;
  }
}

function decodeCarrier(field: Field): TagCarrier {
  const slot = member(field, 'slotMs');
  return {
    tag: asText(member(field, 'tag'), 'a tag'),
    takenAtMs: decodeMs(member(field, 'takenAtMs')),
    ...(slot.value === undefined ? {} : { slotMs: decodeMs(slot) }),
  };
}

function decodeMs(field: Field): number {
  const timeMs = asWholeNumber(field, 'a time', Number.MIN_SAFE_INTEGER);
  if (timeMs > LATEST_MS || timeMs < -LATEST_MS) throw new ShapeError(field, 'a time');
  return timeMs;
}

function decodeTime(field: Field): string {
  const text = asText(field, 'a time');
  if (Number.isNaN(Date.parse(text))) throw new ShapeError(field, 'a time');
  return text;
}

/**
 * Replaces the cache atomically. Skips it where the filesystem or permissions forbid it, or if it is too large to
 * read.
 */
function writeCache(layout: Layout, stamp: Stamp, totals: Totals): void {
  try {
    const { text: now, changedNs } = stampOf(layout);
    const isCurrent = now === stamp.text && BigInt(Date.now()) * 1_000_000n - changedNs > TICK_NS;
    const text = `${JSON.stringify({ stamp: stamp.text, ...totals })}\n`;
    if (isCurrent && Buffer.byteLength(text) <= LARGEST_FILE_BYTES) replaceSmallFile(layout.totals, text);
  } catch (error) {
    if (!isNodeError(error)) throw error;
  }
}
