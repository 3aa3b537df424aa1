import { counted } from '../../domain/counted.ts';
import { isNoteworthy } from '../../domain/fragmentation.ts';
import type { DamagedRevision, IncompleteRevision, RevisionRecord } from '../../domain/revision.ts';
import { formatSize } from '../../domain/size.ts';
import { unfinishedText } from '../../operations/restore/unfinished-restore.ts';
import type { Status, UnrecordedImage } from '../../operations/status/status.ts';
import { type Column, type Row, tableLines, wrapLine } from './columns.ts';
import { escapeText } from './escape.ts';
import { createLook, type Look } from './look.ts';
import {
  DURATION_WIDTH,
  factsOf,
  moreFactsOf,
  ownRemarks,
  remarksOf,
  SIZE_WIDTH,
  TIME_WIDTH,
} from './revision-line.ts';
import { scheduleTable } from './schedule-table.ts';
import { describeFragmentation, formatLocalTime } from './words.ts';

const FUTURE = 'revision dated in the future: check the clock of this machine';
const COLUMNS: readonly Column[] = [
  { title: 'Date', width: TIME_WIDTH },
  { title: 'ID', gap: 1 },
  { title: 'Size', width: SIZE_WIDTH, gap: 1, isNumber: true },
  { title: 'Secs', width: DURATION_WIDTH, gap: 1, isNumber: true },
  { title: 'Tags' },
  { title: 'Trust' },
];
/** Further columns of a verbose look, and their cells for an unusable revision. */
const MORE_COLUMNS: readonly Column[] = [{ title: 'Method' }, { title: 'Sharing' }, { title: 'Verified' }];
const NO_MORE = ['-', '-', '-'] as const;

/**
 * The lines of `backy status`. Each revision begins with the columns of the Python backy. The summary shows a remark
 * that all revisions share; a verbose look repeats it for each revision.
 */
export function statusLines(status: Status, look: Look = createLook()): readonly string[] {
  const { revisions, trash, damagedTrash, summary } = status;
  const common = look.verbose ? new Set<string>() : commonRemarks(revisions);
  const section = (title: string, rows: readonly Row[]): readonly string[] => [
    look.title(`== ${title}`),
    ...tableLines(look.verbose ? [...COLUMNS, ...MORE_COLUMNS] : COLUMNS, rows, look),
    '',
  ];
  return [
    ...section('Revisions', [
      ...revisions.map((record) => revisionRow(record, look, common)),
      ...status.damaged.map((revision) => unusableRow(revision, 'damaged')),
      ...status.unreadable.map((revision) => unusableRow(revision, 'unreadable')),
      ...status.incomplete.map((revision) => unusableRow(revision, 'incomplete')),
      ...status.unrecorded.map(unrecordedRow),
    ]),
    ...(summary.trash > 0
      ? section('Trash', [
          ...trash.map(({ record, keptUntil }) => withEnd(revisionRow(record, look, common), keptUntil)),
          ...damagedTrash.map((revision) => withEnd(unusableRow(revision, 'damaged'), revision.keptUntil)),
        ])
      : []),
    ...(status.foreign.length > 0
      ? [look.title('== Foreign'), ...status.foreign.flatMap((name) => wrapLine(foreignLine(name))), '']
      : []),
    ...scheduleTable(status.schedule, status.lastRun, look),
    '',
    ...summaryLines(status, common, look),
  ];
}

function summaryLines(
  { revisions, unfinishedRestores, summary }: Status,
  common: ReadonlySet<string>,
  look: Look,
): readonly string[] {
  return [
    look.title('== Summary'),
    counted(summary.revisions, 'revision'),
    `${formatSize(summary.bytesWritten)} data (estimated)`,
    ...(look.verbose ? [] : methodLines(revisions)),
    ...[...common].flatMap((remark) => wrapLine(escapeText(`all revisions: ${remark}`))),
    ...(summary.newestImage && isNoteworthy(summary.newestImage)
      ? [`newest image: ${describeFragmentation(summary.newestImage)}`]
      : []),
    ...troubleLines(summary, look),
    ...(summary.leastVerified === undefined
      ? []
      : [`every revision was taken or verified since ${formatLocalTime(new Date(summary.leastVerified))}`]),
    ...(summary.held > 0 ? [counted(summary.held, 'held revision')] : []),
    ...(summary.future ? [counted(summary.future, FUTURE, FUTURE.replace('revision', 'revisions'))] : []),
    ...(summary.trash > 0 ? [`${counted(summary.trash, 'revision')} in the trash`] : []),
    ...unfinishedRestores.flatMap((restore) => wrapLine(escapeText(unfinishedText(restore)))),
  ];
}

function troubleLines(summary: Status['summary'], look: Look): readonly string[] {
  const troubles = [
    [summary.damaged, 'damaged revision'],
    [summary.unreadable, 'unreadable revision'],
    [summary.unrecorded, 'image without a record', 'images without a record'],
    [summary.distrusted, 'distrusted revision'],
  ] as const;
  return troubles.flatMap(([count, noun, plural]) =>
    count > 0 ? [look.alarm(counted(count, noun, plural))] : [],
  );
}

/** Counts the methods and kinds of sharing of all revisions: `method: full 1, extent-map 1`. */
function methodLines(revisions: readonly RevisionRecord[]): readonly string[] {
  if (revisions.length === 0) return [];
  const tally = (words: readonly string[]): string =>
    [...new Set(words)].map((word) => `${word} ${words.filter((each) => each === word).length}`).join(', ');
  return [
    `method: ${tally(revisions.map(({ stats }) => stats.method))}`,
    `sharing: ${tally(revisions.map(({ stats }) => stats.sharing))}`,
  ].map(escapeText);
}

/** The remarks that all revisions share, if there are at least two. */
function commonRemarks(revisions: readonly RevisionRecord[]): ReadonlySet<string> {
  const [first, ...others] = revisions.map(remarksOf);
  if (first === undefined || others.length === 0) return new Set();
  return new Set(first.filter((remark) => others.every((remarks) => remarks.includes(remark))));
}

/** The line of a file that backy may have made. */
export function foreignLine(name: string): string {
  return `${escapeText(name)}  nothing proves that backy made it, so nothing removes it: look at it, and remove it by hand`;
}

function revisionRow(record: RevisionRecord, { verbose }: Look, common: ReadonlySet<string>): Row {
  const isAlarming = record.trust === 'distrusted';
  if (!verbose)
    return {
      cells: factsOf(record),
      remarks: remarksOf(record).filter((remark) => !common.has(remark)),
      isAlarming,
    };
  return { cells: [...factsOf(record), ...moreFactsOf(record)], remarks: ownRemarks(record), isAlarming };
}

/** The row of an image without a record, with advice. */
function unrecordedRow({ uuid, size, timestamp }: UnrecordedImage): Row {
  const advice = `its record is missing: "backy adopt ${uuid}" makes one, "backy forget -r ${uuid}" removes it`;
  const cells = [formatLocalTime(new Date(timestamp)), uuid, formatSize(size), '-', '-', 'no record'];
  return { cells: [...cells, ...NO_MORE], remarks: [advice], isAlarming: true };
}

function withEnd(row: Row, keptUntil: string): Row {
  return { ...row, remarks: [...(row.remarks ?? []), describeEnd(keptUntil)] };
}

function describeEnd(keptUntil: string): string {
  return `can be brought back until ${formatLocalTime(new Date(keptUntil))}`;
}

function unusableRow({ uuid, reason }: DamagedRevision | IncompleteRevision, what: string): Row {
  return { cells: ['-', uuid, '-', '-', '-', what, ...NO_MORE], remarks: [reason], isAlarming: true };
}
