import { closeSync, constants, copyFileSync, openSync, writeSync } from 'node:fs';
import type { Entry } from './recording-disk.ts';

/** The damage that a power cut does to a disk. */
export type CutKind = 'prefix' | 'lost' | 'reordered' | 'torn';

/** One such disk. */
export interface CrashState {
  /** The power was cut after so many entries. */
  readonly after: number;
  readonly kind: CutKind;
  /** Makes the disk. */
  build(file: string): void;
}

/** A recorded disk, from which crash states are built. */
export interface Disk {
  /** The disk before the first entry. */
  readonly base: string;
  /** A work file that holds the flushed writes. */
  readonly scratch: string;
  readonly entries: readonly Entry[];
  /** The number of entries before the first cut. */
  readonly first: number;
}

/** The unit that a disk writes whole or not at all. These filesystems assume it, and most disks of today provide it. */
export const SECTOR_BYTES = 4096;

/** The frequency of each kind, if not every prefix is built. */
const KINDS: readonly CutKind[] = ['prefix', 'torn', 'reordered', 'lost', 'torn', 'reordered'];

/**
 * Yields the disks that a cut may leave, in the order of the cuts. Writes before a flush are on the disk. Later writes may
 * be missing: all of them (`lost`), some (`reordered`), or some of their sectors (`torn`). A `prefix` has them all.
 */
export function* crashStates(
  { base, scratch, entries, first }: Disk,
  count: number,
  random: () => number,
): Generator<CrashState> {
  const cuts = chooseCuts(entries, first, count, random);
  copyFileSync(base, scratch, constants.COPYFILE_FICLONE);
  let [done, flushed] = [0, 0];
  for (const { after, kind } of cuts) {
    // `scratch` holds the flushed writes; each copy gets the surviving others.
    const flushedBy = lastFlush(entries, after, flushed);
    writeAll(scratch, entries.slice(done, flushedBy));
    [done, flushed] = [flushedBy, flushedBy];
    const unflushed = entries.slice(flushedBy, after);
    const survivors = survive(unflushed, kind, random);
    yield {
      after,
      kind,
      build: (file) => {
        copyFileSync(scratch, file, constants.COPYFILE_FICLONE);
        writeAll(file, survivors);
      },
    };
  }
}

/**
 * Chooses when the power is cut and what the disk loses: at every entry if there are more states than entries, else after
 * every flush, and at random for the rest. A program can order its changes by flushes only. So the disk after each flush
 * shows each step of a commit, and a mistake in the order of steps is noticed whatever the seed is.
 */
function chooseCuts(entries: readonly Entry[], first: number, count: number, random: () => number) {
  const last = entries.length;
  const certain = certainCuts(entries, first, count);
  const cuts = certain.map((after) => ({ after, kind: 'prefix' as CutKind }));
  // A success that was reported last must hold without anything that came after it.
  cuts.push({ after: last, kind: 'lost' });
  const kinds = certain.length === last - first ? KINDS.filter((kind) => kind !== 'prefix') : KINDS;
  for (let index = cuts.length; index < count; index += 1)
    cuts.push({
      after: first + 1 + Math.floor(random() * (last - first)),
      kind: kinds[index % kinds.length] ?? 'torn',
    });
  return cuts.sort((a, b) => a.after - b.after);
}

/** Cuts at every entry, or after every flush, or none if there are not states enough for that. */
function certainCuts(entries: readonly Entry[], first: number, count: number): readonly number[] {
  const all = Array.from({ length: entries.length - first }, (_, index) => first + index + 1);
  if (all.length < count) return all;
  const flushes = all.filter((after) => entries[after - 1]?.kind === 'flush');
  return flushes.length < count ? flushes : [];
}

/** Returns how many of the first `after` entries a flush has made safe. */
function lastFlush(entries: readonly Entry[], after: number, from: number): number {
  for (let index = after - 1; index >= from; index -= 1)
    if (entries[index]?.kind === 'flush') return index + 1;
  return from;
}

function survive(unflushed: readonly Entry[], kind: CutKind, random: () => number): readonly Entry[] {
  switch (kind) {
    case 'prefix':
      return unflushed;
    case 'lost':
      return [];
    case 'reordered':
      return unflushed.filter(() => random() < 0.5);
    case 'torn':
      return unflushed.flatMap((entry) => tear(entry, random));
  }
}

/** A few sectors of a write are missing, or all but a few. */
function tear(entry: Entry, random: () => number): readonly Entry[] {
  if (entry.kind === 'flush') return [];
  const share = random();
  const pieces: Entry[] = [];
  for (let at = 0; at < entry.bytes.length; at += SECTOR_BYTES)
    if (random() < share)
      pieces.push({
        kind: 'write',
        offset: entry.offset + at,
        bytes: entry.bytes.subarray(at, at + SECTOR_BYTES),
      });
  return pieces;
}

function writeAll(file: string, entries: readonly Entry[]): void {
  const descriptor = openSync(file, 'r+');
  try {
    for (const entry of entries)
      if (entry.kind === 'write') writeSync(descriptor, entry.bytes, 0, entry.bytes.length, entry.offset);
  } finally {
    closeSync(descriptor);
  }
}
