import { counted } from '../../domain/counted.ts';
import { isNoteworthy } from '../../domain/fragmentation.ts';
import type {
  Adoption,
  DamagedRevision,
  Hold,
  IncompleteRevision,
  RevisionRecord,
} from '../../domain/revision.ts';
import { formatSize } from '../../domain/size.ts';
import { unfinishedText } from '../../operations/restore/unfinished-restore.ts';
import type {
  Status,
  TrashedDamage,
  TrashedRevision,
  UnrecordedImage,
} from '../../operations/status/status.ts';
import { escapeText } from './escape.ts';
import { scheduleTable } from './schedule-table.ts';
import { describeFragmentation, formatLocalTime, formatTags } from './words.ts';

const TIME_WIDTH = 19;
const SIZE_WIDTH = 12;
const DURATION_WIDTH = 6;
/** It stays in its place, behind which later ones come. */
const FUTURE = 'revision dated in the future: check the clock of this machine';
const LIVE = 'live: read without a snapshot';

/** The lines of `backy status`. Columns are only ever added on the right. */
export function statusLines(status: Status): readonly string[] {
  const { revisions, damaged, unreadable, incomplete, trash, damagedTrash, unfinishedRestores, summary } =
    status;
  const remarks = [
    [summary.damaged, 'damaged revision'],
    [summary.unreadable, 'unreadable revision'],
    [summary.unrecorded, 'image without a record', 'images without a record'],
    [summary.distrusted, 'distrusted revision'],
    [summary.held, 'held revision'],
    [summary.future ?? 0, FUTURE, FUTURE.replace('revision', 'revisions')],
  ] as const;
  return [
    '== Revisions',
    ...revisions.map(revisionLine),
    ...damaged.map(damagedLine),
    ...unreadable.map((revision) => unusableLine(revision, 'unreadable')),
    ...incomplete.map((revision) => unusableLine(revision, 'incomplete')),
    ...status.unrecorded.map(unrecordedLine),
    '',
    ...(summary.trash > 0
      ? ['== Trash', ...trash.map(trashedLine), ...damagedTrash.map(trashedDamageLine), '']
      : []),
    ...(status.foreign.length > 0 ? ['== Foreign', ...status.foreign.map(foreignLine), ''] : []),
    ...scheduleTable(status.schedule, status.lastRun),
    '',
    '== Summary',
    counted(summary.revisions, 'revision'),
    `${formatSize(summary.bytesWritten)} data (estimated)`,
    ...(summary.newestImage && isNoteworthy(summary.newestImage)
      ? [`newest image: ${describeFragmentation(summary.newestImage)}`]
      : []),
    ...remarks.flatMap(([count, noun, plural]) => (count > 0 ? [counted(count, noun, plural)] : [])),
    ...(summary.trash > 0 ? [`${counted(summary.trash, 'revision')} in the trash`] : []),
    ...unfinishedRestores.map((restore) => escapeText(unfinishedText(restore))),
  ];
}

/**
 * The line of one revision: when, id, data written, seconds, tags, trust, how it was read, what it shares, when it
 * was verified; then whatever there is to say of it.
 */
export function revisionLine(record: RevisionRecord): string {
  const {
    timestamp,
    uuid,
    source,
    stats,
    tags,
    trust,
    distrustedBecause,
    verifiedAt,
    hold,
    consistency,
    adopted,
    unfinishedRestore,
  } = record;
  const { bytesWritten, duration, method, sharing, sharingReason, fallback, snapshotDropped } = stats;
  const shared = sharingReason === undefined ? sharing : `${sharing}: ${sharingReason}`;
  const verified = verifiedAt === null ? '-' : `verified ${formatLocalTime(new Date(verifiedAt))}`;
  const remarks = [
    ...(consistency === 'live' && !adopted ? [LIVE] : []),
    ...(adopted ? [describeAdoption(adopted)] : []),
    ...(source.format === undefined ? [] : [`a ${source.format} image, not a raw disk`]),
    ...(unfinishedRestore === undefined ? [] : [`taken of the unfinished restore of ${unfinishedRestore}`]),
    ...(fallback === undefined ? [] : [fallback]),
    ...(snapshotDropped === undefined ? [] : [`the snapshot was dropped: ${snapshotDropped}`]),
    ...(distrustedBecause === undefined ? [] : [`distrusted: ${distrustedBecause}`]),
    ...(hold ? [describeHold(hold)] : []),
  ];
  return line({
    time: formatLocalTime(new Date(timestamp)),
    uuid,
    size: formatSize(bytesWritten),
    duration: `${Math.round(duration)}s`,
    words: [formatTags(tags), trust, method, shared, verified, ...remarks],
  });
}

/** What the record of a revision rests on that has lost its first one. */
function describeAdoption({ at, index }: Adoption): string {
  const made = index === 'made' ? ', its index made from the image' : '';
  return `adopted ${formatLocalTime(new Date(at))}${made}`;
}

/** Why and until when a revision is held. */
function describeHold({ reason, until }: Hold): string {
  return `held${until === null ? '' : ` until ${formatLocalTime(new Date(until))}`}: ${reason}`;
}

/** The line of a revision that is damaged: its id, and why. */
export function damagedLine(revision: DamagedRevision): string {
  return unusableLine(revision, 'damaged');
}

/** The line of an image that has lost its record, and what to do. */
function unrecordedLine({ uuid, size, timestamp }: UnrecordedImage): string {
  const advice = `its record is missing: "backy adopt ${uuid}" makes one, "backy forget -r ${uuid}" removes it`;
  return line({
    time: formatLocalTime(new Date(timestamp)),
    uuid,
    size: formatSize(size),
    duration: '-',
    words: ['-', 'no record', '-', '-', advice],
  });
}

/** The line of a file that backy may have made. */
export function foreignLine(name: string): string {
  return `${escapeText(name)}  nothing proves that backy made it, so nothing removes it: look at it, and remove it by hand`;
}

function trashedLine({ record, keptUntil }: TrashedRevision): string {
  return `${revisionLine(record)}  ${describeEnd(keptUntil)}`;
}

function trashedDamageLine(revision: TrashedDamage): string {
  return `${damagedLine(revision)}  ${describeEnd(revision.keptUntil)}`;
}

function describeEnd(keptUntil: string): string {
  return `can be brought back until ${formatLocalTime(new Date(keptUntil))}`;
}

function unusableLine({ uuid, reason }: DamagedRevision | IncompleteRevision, what: string): string {
  return line({ time: '-', uuid, size: '-', duration: '-', words: ['-', what, '-', '-', reason] });
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
