import { isGood, type RevisionRecord } from '../../domain/revision.ts';
import { lookUpRevision } from '../../repository/look-up.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import type { Context } from '../context.ts';

/** A revision and the path of its image. */
export interface FoundRevision {
  readonly record: RevisionRecord;
  /** Absolute path of the image, a plain raw file. */
  readonly image: string;
}

/**
 * Finds the only revision that a spec names, and warns if it is distrusted. Needs neither the engine nor a valid
 * configuration.
 *
 * @throws BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS, BACKY_RECORD_DAMAGED,
 *   BACKY_INDEX_DAMAGED, BACKY_IO
 */
export async function find({ layout, log }: Context, spec: string): Promise<FoundRevision> {
  const record = lookUpRevision(layout, await readRevisions(layout), spec);
  if (!isGood(record)) log('warning', `revision ${record.uuid} is distrusted`);
  return { record, image: layout.files(record.uuid).image };
}
