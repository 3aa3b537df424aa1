import { existsSync } from 'node:fs';
import type { RevisionRecord } from '../domain/revision.ts';
import { findRevision, findRevisions } from '../domain/revision-spec.ts';
import { type BackyError, backyError, isBackyError } from '../errors.ts';
import { ioError } from '../io-error.ts';
import type { Layout } from './layout.ts';
import { type RevisionList, readRecord } from './read-revisions.ts';

/**
 * The revisions that a spec names, as `findRevisions` says. That one which was meant is damaged is no reason to say that
 * there is none. As long as a record cannot be read, for want of permission, only a whole id names a revision for sure.
 *
 * @throws BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS, BACKY_RECORD_DAMAGED,
 *   BACKY_INDEX_DAMAGED, BACKY_IO
 */
export function lookUpRevisions(layout: Layout, list: RevisionList, spec: string): readonly RevisionRecord[] {
  return explaining(layout, list, spec, () => findRevisions(spec, list.revisions));
}

/** The one revision that a spec names, as `findRevision` says, and as above. */
export function lookUpRevision(layout: Layout, list: RevisionList, spec: string): RevisionRecord {
  return explaining(layout, list, spec, () => findRevision(spec, list.revisions));
}

function explaining<Found>(layout: Layout, list: RevisionList, spec: string, find: () => Found): Found {
  const [unreadable] = list.unreadable;
  const isExact = list.revisions.some(({ uuid }) => uuid === spec.trim());
  // Which revision is the last one, or the n-th, is unknown as long as one of them cannot be read.
  if (unreadable && !isExact) throw whatIsWrong(layout, unreadable.uuid);
  try {
    return find();
  } catch (error) {
    if (!isBackyError(error, 'BACKY_REVISION_UNKNOWN')) throw error;
    const wanted = String(error.details.spec);
    const id = unusable(list).find((uuid) => isBeginning(wanted, uuid));
    if (id !== undefined) throw whatIsWrong(layout, id);
    const bare = list.unrecorded.find(({ uuid }) => isBeginning(spec, uuid));
    if (bare) throw missingRecord(layout, bare.uuid);
    const isAllDamaged = list.revisions.length === 0 && list.damaged.length > 0;
    if (!isAllDamaged) throw error;
    const reason = 'there is none that is not damaged';
    throw backyError('BACKY_REVISION_UNKNOWN', { spec: wanted, reason }, { cause: error });
  }
}

/** That an image is there and its record is not. */
export function missingRecord(layout: Layout, uuid: string): BackyError {
  return backyError('BACKY_RECORD_MISSING', { path: layout.files(uuid).image, uuid });
}

function unusable({ damaged, incomplete }: RevisionList): readonly string[] {
  return [...damaged, ...incomplete].map(({ uuid }) => uuid);
}

/** A number counts revisions from the newest, whatever ids begin with it. */
function isBeginning(spec: string, uuid: string): boolean {
  return uuid.startsWith(spec) && !/^\d+$/.test(spec);
}

/** The error that using a revision ends with. */
function whatIsWrong(layout: Layout, id: string): unknown {
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
