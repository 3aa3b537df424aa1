import { existsSync } from 'node:fs';
import type { RevisionRecord } from '../domain/revision.ts';
import { findRevision, findRevisions } from '../domain/revision-spec.ts';
import { type BackyError, backyError, isBackyError } from '../errors.ts';
import { ioError } from '../io-error.ts';
import type { Layout } from './layout.ts';
import { type RevisionList, readRecord } from './read-revisions.ts';

/**
 * Returns the revisions that a spec names, with `findRevisions`. If the spec names a damaged revision, the error
 * describes the damage. While permissions hide a record, only complete ids are accepted, because any other spec might
 * mean the hidden revision.
 *
 * @throws BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS, BACKY_RECORD_DAMAGED,
 *   BACKY_INDEX_DAMAGED, BACKY_IO
 */
export function lookUpRevisions(layout: Layout, list: RevisionList, spec: string): readonly RevisionRecord[] {
  return orExplain(layout, list, spec, () => findRevisions(spec, list.revisions));
}

/** Returns the one revision that a spec names, with `findRevision`. @throws the errors of `lookUpRevisions` */
export function lookUpRevision(layout: Layout, list: RevisionList, spec: string): RevisionRecord {
  return orExplain(layout, list, spec, () => findRevision(spec, list.revisions));
}

function orExplain<Found>(layout: Layout, list: RevisionList, spec: string, find: () => Found): Found {
  const [unreadable] = list.unreadable;
  const isExact = list.revisions.some(({ uuid }) => uuid === spec.trim());
  // The hidden record might be the last or the n-th revision.
  if (unreadable && !isExact) throw errorOfUsing(layout, unreadable.uuid);
  try {
    return find();
  } catch (error) {
    if (!isBackyError(error, 'BACKY_REVISION_UNKNOWN')) throw error;
    const wanted = String(error.details.spec);
    const id = unusable(list).find((uuid) => isBeginning(wanted, uuid));
    if (id !== undefined) throw errorOfUsing(layout, id);
    const bare = list.unrecorded.find(({ uuid }) => isBeginning(spec, uuid));
    if (bare) throw missingRecord(layout, bare.uuid);
    const isAllDamaged = list.revisions.length === 0 && list.damaged.length > 0;
    if (!isAllDamaged) throw error;
    const reason = 'all revisions are damaged';
    throw backyError('BACKY_REVISION_UNKNOWN', { spec: wanted, reason }, { cause: error });
  }
}

/** Builds the error for an image without a record. */
export function missingRecord(layout: Layout, uuid: string): BackyError {
  return backyError('BACKY_RECORD_MISSING', { path: layout.files(uuid).image, uuid });
}

function unusable({ damaged, incomplete }: RevisionList): readonly string[] {
  return [...damaged, ...incomplete].map(({ uuid }) => uuid);
}

/** A number is a position counted from the newest revision, never the prefix of an id. */
function isBeginning(spec: string, uuid: string): boolean {
  return uuid.startsWith(spec) && !/^\d+$/.test(spec);
}

/** Returns the error that using the revision raises. */
function errorOfUsing(layout: Layout, id: string): unknown {
  const { image, index } = layout.files(id);
  try {
    readRecord(layout, id);
  } catch (error) {
    return error;
  }
  return existsSync(image)
    ? backyError('BACKY_INDEX_DAMAGED', { path: index, detail: 'it is missing' })
    : ioError({ path: image, syscall: 'open', errnoName: 'ENOENT' });
}
