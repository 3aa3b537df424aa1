import { counted } from '../../domain/counted.ts';
import { formatSize } from '../../domain/size.ts';
import type { FleetStatus, RepositoryStatus } from '../../operations/status-all.ts';
import { escapeText } from './escape.ts';
import { formatLocalTime } from './words.ts';

/** The lines of `backy status --all`: name, number of revisions, data written, newest good revision, what is wrong. */
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
  ];
}

function repositoryLine({ name, totals, problem }: RepositoryStatus, width: number): string {
  const label = escapeText(name).padEnd(width);
  if (!totals) return `${label}  unreadable: ${escapeText(problem ?? '')}`;
  const { revisions, bytesWritten, newest } = totals;
  return [
    label,
    String(revisions).padStart(6),
    formatSize(bytesWritten).padStart(12),
    newest === null ? 'no good revision' : formatLocalTime(new Date(newest)),
    ...troubles(totals),
  ].join('  ');
}

function troubles({ damaged, distrusted }: { damaged: number; distrusted: number }): readonly string[] {
  return [
    ...(damaged > 0 ? [`${damaged} damaged`] : []),
    ...(distrusted > 0 ? [`${distrusted} distrusted`] : []),
  ];
}
