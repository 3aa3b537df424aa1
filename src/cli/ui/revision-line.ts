import type { Adoption, DamagedRevision, Hold, RevisionRecord } from '../../domain/revision.ts';
import { formatSize } from '../../domain/size.ts';
import { escapeText } from './escape.ts';
import { formatLocalTime, formatTags } from './words.ts';

/** The widths of the Python backy's columns. */
export const TIME_WIDTH = 19;
export const SIZE_WIDTH = 12;
export const DURATION_WIDTH = 6;
const LIVE = 'live: read without a snapshot';

/**
 * The line of one revision: time, id, data written, seconds, tags, trust, method, sharing and time of the last
 * verification, then remarks.
 */
export function revisionLine(record: RevisionRecord): string {
  const [time, uuid, size, duration, ...words] = factsOf(record);
  return line({
    time,
    uuid,
    size,
    duration,
    words: [...words, ...moreFactsOf(record), ...ownRemarks(record)],
  });
}

/** The columns of the Python backy. */
export type Facts = readonly [
  time: string,
  uuid: string,
  size: string,
  duration: string,
  tags: string,
  trust: string,
];

export function factsOf({ timestamp, uuid, stats, tags, trust }: RevisionRecord): Facts {
  const { bytesWritten, duration } = stats;
  const time = formatLocalTime(new Date(timestamp));
  return [time, uuid, formatSize(bytesWritten), `${Math.round(duration)}s`, formatTags(tags), trust];
}

/** Method, sharing and time of the last verification. */
export function moreFactsOf(record: RevisionRecord): readonly string[] {
  const { verifiedAt, stats } = record;
  const verified = verifiedAt === null ? '-' : `verified ${formatLocalTime(new Date(verifiedAt))}`;
  return [stats.method, shareOf(record), verified];
}

function shareOf({ stats: { sharing, sharingReason } }: RevisionRecord): string {
  return sharingReason === undefined ? sharing : `${sharing}: ${sharingReason}`;
}

/** The remarks on a revision in a table that has no column for sharing. */
export function remarksOf(record: RevisionRecord): readonly string[] {
  const { sharing, sharingReason } = record.stats;
  const how = sharing === 'none' ? 'blocks are not shared' : `blocks are shared by ${sharing}`;
  const share = sharingReason === undefined ? [] : [`${how}: ${sharingReason}`];
  return [...share, ...ownRemarks(record)];
}

export function ownRemarks(record: RevisionRecord): readonly string[] {
  const { source, distrustedBecause, hold, consistency, adopted, unfinishedRestore } = record;
  const { fallback, snapshotDropped } = record.stats;
  return [
    ...(consistency === 'live' && source.type !== 'unknown' ? [LIVE] : []),
    ...(adopted ? [describeAdoption(adopted)] : []),
    ...(source.format === undefined ? [] : [`a ${source.format} image, not a raw disk`]),
    ...(unfinishedRestore === undefined ? [] : [`taken of the unfinished restore of ${unfinishedRestore}`]),
    ...(fallback === undefined ? [] : [fallback]),
    ...(snapshotDropped === undefined ? [] : [`the snapshot was dropped: ${snapshotDropped}`]),
    ...(distrustedBecause === undefined ? [] : [`distrusted: ${distrustedBecause}`]),
    ...(hold ? [describeHold(hold)] : []),
  ];
}

/** The source of a record that replaces a lost one. */
function describeAdoption({ at, index }: Adoption): string {
  const made = index === 'made' ? ', its index made from the image' : '';
  return `adopted ${formatLocalTime(new Date(at))}${made}`;
}

/** The reason of a hold, and its end. */
function describeHold({ reason, until }: Hold): string {
  return `held${until === null ? '' : ` until ${formatLocalTime(new Date(until))}`}: ${reason}`;
}

/** The line of a damaged revision: its id and the reason. */
export function damagedLine(revision: DamagedRevision): string {
  const { uuid, reason } = revision;
  return line({ time: '-', uuid, size: '-', duration: '-', words: ['-', 'damaged', '-', '-', reason] });
}

interface Columns {
  readonly time: string;
  readonly uuid: string;
  readonly size: string;
  readonly duration: string;
  readonly words: readonly string[];
}

function line({ time, uuid, size, duration, words }: Columns): string {
  const fixed = [
    time.padEnd(TIME_WIDTH),
    uuid,
    size.padStart(SIZE_WIDTH),
    duration.padStart(DURATION_WIDTH),
  ].join(' ');
  return [fixed, ...words.map(escapeText)].join('  ');
}
