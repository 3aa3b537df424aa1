import { isGood, type RevisionRecord } from '../domain/revision.ts';
import { findRevision } from '../domain/revision-spec.ts';
import { readRevisions } from '../repository/read-revisions.ts';
import type { Context } from './context.ts';

/** A revision and where its image is. */
export interface FoundRevision {
  readonly record: RevisionRecord;
  /** Absolute path of the image, a plain raw file. */
  readonly image: string;
}

/**
 * The one revision that a spec names; a distrusted one is warned of. Needs neither the engine nor a valid configuration.
 *
 * @throws BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS, BACKY_IO
 */
export async function find({ layout, log }: Context, spec: string): Promise<FoundRevision> {
  const record = findRevision(spec, (await readRevisions(layout)).revisions);
  if (!isGood(record)) log('warning', `revision ${record.uuid} is distrusted`);
  return { record, image: layout.files(record.uuid).image };
}
