import type { DamagedRevision, RevisionRecord } from '../../domain/revision.ts';
import { formatSize } from '../../domain/size.ts';
import type { Status } from '../../operations/status.ts';
import { escapeText } from './escape.ts';

const TIME_WIDTH = 19;
const SIZE_WIDTH = 12;
const DURATION_WIDTH = 6;

/** The lines of `backy status`. Columns are only ever added on the right. */
export function statusLines({ revisions, damaged, summary }: Status): readonly string[] {
  return [
    '== Revisions',
    ...revisions.map(revisionLine),
    ...damaged.map(damagedLine),
    '',
    '== Summary',
    counted(summary.revisions, 'revision'),
    ...(summary.damaged > 0 ? [counted(summary.damaged, 'damaged revision')] : []),
    `${formatSize(summary.bytesWritten)} data (estimated)`,
  ];
}

/** The line of one revision: when, id, data written, seconds, tags, trust, how it was read, what it shares. */
export function revisionLine({ timestamp, uuid, stats, tags, trust }: RevisionRecord): string {
  const { bytesWritten, duration, method, sharing, sharingReason, fallback } = stats;
  const shared = sharingReason === undefined ? sharing : `${sharing}: ${sharingReason}`;
  return line({
    time: formatLocalTime(new Date(timestamp)),
    uuid,
    size: formatSize(bytesWritten),
    duration: `${Math.round(duration)}s`,
    words: [tags.join(',') || '-', trust, method, shared, ...(fallback === undefined ? [] : [fallback])],
  });
}

function damagedLine({ uuid, reason }: DamagedRevision): string {
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

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Formats a time in the zone of this machine: `2014-04-25 10:07:51`. */
function formatLocalTime(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${date} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')}`;
}
