import { counted } from '../../domain/counted.ts';
import type { Run } from '../../domain/run-note.ts';
import { formatSize } from '../../domain/size.ts';
import { unfinishedText } from '../../operations/restore/unfinished-restore.ts';
import type { FleetStatus, RepositoryStatus } from '../../operations/status/status-all.ts';
import { type Column, type Row, tableLines } from './columns.ts';
import { createLook, type Look } from './look.ts';
import { formatLocalTime } from './words.ts';

const COLUMNS: readonly Column[] = [
  { title: 'Name' },
  { title: 'Revisions', isNumber: true },
  { title: 'Size', width: 12, isNumber: true },
  { title: 'Newest good' },
];

/**
 * The lines of `backy status --all`: name, revisions, data written, newest good revision, problems, overdue tags and
 * unfinished restores.
 */
export function fleetLines(
  { repositories, summary }: FleetStatus,
  look: Look = createLook(),
): readonly string[] {
  return [
    look.title('== Repositories'),
    ...tableLines(COLUMNS, repositories.map(repositoryRow), look),
    '',
    look.title('== Summary'),
    counted(summary.repositories, 'repository', 'repositories'),
    counted(summary.revisions, 'revision'),
    `${formatSize(summary.bytesWritten)} data (estimated)`,
    ...[
      ...troubles(summary),
      ...(summary.unreadable > 0 ? [`${summary.unreadable} unreadable`] : []),
      ...(summary.misconfigured > 0 ? [`${summary.misconfigured} misconfigured`] : []),
      ...(summary.overdue > 0 ? [`${summary.overdue} overdue`] : []),
      ...(summary.failing > 0 ? [`${summary.failing} failing`] : []),
    ].map(look.alarm),
    ...(summary.unfinishedRestores > 0 ? [counted(summary.unfinishedRestores, 'unfinished restore')] : []),
  ];
}

function repositoryRow(repository: RepositoryStatus): Row {
  const { name, totals, problem = '', unfinishedRestores = [] } = repository;
  if (!totals) return { cells: [name, '-', '-', 'unreadable'], remarks: [problem], isAlarming: true };
  const { revisions, bytesWritten, newest } = totals;
  const time = newest === null ? 'no good revision' : formatLocalTime(new Date(newest));
  const alarms = [...troubles(totals), ...runTroubles(repository)];
  const remarks = [...alarms, ...unfinishedRestores.map(unfinishedText)];
  const cells = [name, String(revisions), formatSize(bytesWritten), time];
  return { cells, remarks, isAlarming: alarms.length > 0 };
}

function troubles(
  totals: Pick<FleetStatus['summary'], 'damaged' | 'unrecorded' | 'distrusted'>,
): readonly string[] {
  const { damaged, unrecorded, distrusted } = totals;
  return [
    ...(damaged > 0 ? [`${damaged} damaged`] : []),
    ...(unrecorded > 0 ? [`${unrecorded} without a record`] : []),
    ...(distrusted > 0 ? [`${distrusted} distrusted`] : []),
  ];
}

function runTroubles({ misconfigured, overdue = [], lastRun }: RepositoryStatus): readonly string[] {
  const { failures = 0, lastFailure } = lastRun ?? {};
  return [
    ...(misconfigured === undefined ? [] : [`misconfigured: ${misconfigured}`]),
    ...(overdue.length > 0 ? [`overdue: ${overdue.join(',')}`] : []),
    ...(failures > 0 ? [`${counted(failures, 'run')} failed: ${reasonOf(lastFailure)}`] : []),
  ];
}

function reasonOf(failure: Run | null | undefined): string {
  return failure?.code ?? failure?.message ?? '';
}
