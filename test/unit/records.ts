import type { RevisionRecord, RevisionStats } from '../../src/domain/revision.ts';

/** The keys in which a record of a test differs. */
export type RecordChanges = Partial<Omit<RevisionRecord, 'stats'>> & {
  readonly stats?: Partial<RevisionStats>;
};

/** A valid record. */
export function makeRecord({ stats, ...changes }: RecordChanges = {}): RevisionRecord {
  return {
    formatVersion: 1,
    uuid: revisionId(1),
    timestamp: '2026-01-01T00:00:00.000Z',
    parent: null,
    tags: ['daily'],
    trust: 'trusted',
    size: 1 << 20,
    digest: 'ab'.repeat(32),
    blockSize: 262144,
    source: { type: 'file', filename: '/dev/vg0/vm' },
    consistency: 'crash',
    stats: {
      duration: 1.5,
      bytesRead: 4096,
      bytesWritten: 2048,
      bytesChanged: 1024,
      bytesZero: 512,
      method: 'full',
      sharing: 'reflink',
      ...stats,
    },
    verifiedAt: null,
    ...changes,
  };
}

/** An id of the form that backy gives to its revisions. */
export function revisionId(number: number): string {
  return `01a20b77-805a-7000-8000-${String(number).padStart(12, '0')}`;
}

/** Records of consecutive days, oldest first. */
export function makeHistory(...changes: readonly RecordChanges[]): readonly RevisionRecord[] {
  return changes.map((change, day) =>
    makeRecord({ uuid: revisionId(day), timestamp: isoDay(day), ...change }),
  );
}

/** Midnight of a day counted from 2026-01-01. */
export function isoDay(day: number): string {
  return new Date(Date.UTC(2026, 0, 1 + day)).toISOString();
}
