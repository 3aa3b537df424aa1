import type { RevisionRecord } from '../domain/revision.ts';
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
 * The one revision that a spec names. Needs neither the engine nor a valid configuration.
 *
 * @throws BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS, BACKY_IO
 */
export async function find({ layout }: Context, spec: string): Promise<FoundRevision> {
  const record = findRevision(spec, (await readRevisions(layout)).revisions);
  return { record, image: layout.files(record.uuid).image };
}
