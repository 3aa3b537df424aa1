import type { IndexFacts, RevisionRecord } from '../../domain/revision.ts';
import { FORMAT_VERSION } from '../../repository/record.ts';
import type { UnrecordedImage } from '../../repository/unrecorded.ts';

/** Keeps what was adopted: no schedule knows how long it was meant to stay. */
const ADOPTED_TAG = 'manual:adopted';

/**
 * The record of an image that has lost its own. It claims no more than the files show: how the source was read is
 * unknown, so the weakest consistency stands there, and nothing has compared the image with anything yet.
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
