import { counted } from '../../domain/counted.ts';
import type { Run } from '../../domain/run-note.ts';
import { formatSize } from '../../domain/size.ts';
import type { FleetStatus, RepositoryStatus } from '../../operations/status/status-all.ts';
import { escapeText } from './escape.ts';
import { formatLocalTime } from './words.ts';

/** The lines of `backy status --all`: name, number of revisions, data written, newest good revision, what is wrong, which tags are overdue. */
export function fleetLines({ repositories, summary }: FleetStatus): readonly string[] {
  const width = Math.max(0, ...repositories.map(({ name }) => escapeText(name).length));
  return [
    '== Repositories',
    ...repositories.map((repository) => repositoryLine(repository, width)),
    '',
    '== Summary',
    counted(summary.repositories, 'repository', 'repositories'),
    counted(summary.revisions, 'revision'),
    `${formatSize(summary.bytesWritten)} data (estimated)`,
    ...troubles(summary),
    ...(summary.unreadable > 0 ? [`${summary.unreadable} unreadable`] : []),
    ...(summary.misconfigured > 0 ? [`${summary.misconfigured} misconfigured`] : []),
    ...(summary.overdue > 0 ? [`${summary.overdue} overdue`] : []),
    ...(summary.failing > 0 ? [`${summary.failing} failing`] : []),
  ];
}

function repositoryLine(repository: RepositoryStatus, width: number): string {
  const { name, totals, problem } = repository;
  const label = escapeText(name).padEnd(width);
  if (!totals) return `${label}  unreadable: ${escapeText(problem ?? '')}`;
  const { revisions, bytesWritten, newest } = totals;
  return [
    label,
    String(revisions).padStart(6),
    formatSize(bytesWritten).padStart(12),
    newest === null ? 'no good revision' : formatLocalTime(new Date(newest)),
    ...troubles(totals),
    ...runTroubles(repository),
  ].join('  ');
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
    ...(misconfigured === undefined ? [] : [`misconfigured: ${escapeText(misconfigured)}`]),
    ...(overdue.length > 0 ? [`overdue: ${escapeText(overdue.join(','))}`] : []),
    ...(failures > 0 ? [`${counted(failures, 'run')} failed: ${escapeText(reasonOf(lastFailure))}`] : []),
  ];
}

function reasonOf(failure: Run | null | undefined): string {
  return failure?.code ?? failure?.message ?? '';
}
