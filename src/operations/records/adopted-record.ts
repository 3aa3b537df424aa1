import type { IndexFacts, RevisionRecord } from '../../domain/revision.ts';
import { FORMAT_VERSION } from '../../repository/record.ts';
import type { UnrecordedImage } from '../../repository/unrecorded.ts';

/** Protects adopted revisions from expiry, because their tags are lost. */
const ADOPTED_TAG = 'manual:adopted';

/**
 * Builds a record for an image that has lost its own. It claims no more than the files show: the way the source was
 * read is unknown, so the record has the weakest consistency. The revision is distrusted, because nothing has checked
 * the image yet.
 *
 * @param index undefined as long as there is none
 * @param adoption absent for an image that is on its way to the trash
 */
export function adoptedRecord(
  { uuid, timestamp, size }: UnrecordedImage,
  index: IndexFacts | undefined,
  adoption?: RevisionRecord['adopted'],
): RevisionRecord {
  return {
    formatVersion: FORMAT_VERSION,
    uuid,
    timestamp,
    parent: null,
    tags: [ADOPTED_TAG],
    trust: 'distrusted',
    size,
    digest: index?.digest ?? null,
    blockSize: index?.blockSize ?? null,
    source: { type: 'unknown' },
    consistency: 'live',
    stats: {
      duration: 0,
      bytesRead: 0,
      bytesWritten: 0,
      bytesChanged: 0,
      bytesZero: 0,
      method: 'unknown',
      sharing: 'unknown',
    },
    verifiedAt: null,
    ...(adoption ? { adopted: adoption } : {}),
  };
}
