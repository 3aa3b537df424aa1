import { basename } from 'node:path';
import { counted } from '../../domain/counted.ts';
import { isGood } from '../../domain/revision.ts';
import type { Context } from '../../operations/context.ts';
import { overdueTags } from '../../operations/status/schedule-status.ts';
import { status } from '../../operations/status/status.ts';
import { type RepositoryStatus, statusOfAll } from '../../operations/status/status-all.ts';
import { type CheckReport, type Finding, worstFirst, worstOf } from './report.ts';

/** Judges one repository by its records and the note of its last run. @throws BACKY_IO */
export async function checkRepository(context: Context): Promise<CheckReport> {
  const { revisions, schedule, lastRun, summary, unfinishedRestores } = await status(context);
  const newest = revisions.at(-1);
  const critical = [
    ...overdueTags(schedule).map((tag) => `${tag} is overdue`),
    ...(revisions.some(isGood) || schedule.tags.length === 0 ? [] : ['there is no good revision']),
    ...(summary.damaged > 0 ? [counted(summary.damaged, 'damaged revision')] : []),
    ...(summary.unrecorded > 0
      ? [counted(summary.unrecorded, 'image without a record', 'images without a record')]
      : []),
    ...(newest?.trust === 'distrusted' ? ['the newest revision is distrusted'] : []),
  ];
  const warning = [
    ...(schedule.problem === null || schedule.problem === undefined ? [] : [schedule.problem]),
    ...runWarnings(lastRun ?? undefined, unfinishedRestores),
  ];
  const subject = basename(context.layout.directory);
  const findings = findingsOf(subject, critical, warning);
  const figures = { revisions: summary.revisions, damaged: summary.damaged, overdue: summary.overdue };
  const good = `${counted(summary.revisions, 'revision')} within the schedule`;
  return { ...reportOf(findings, good), figures };
}

/** Judges all repositories right below a directory. @throws BACKY_IO */
export async function checkTree(directory: string): Promise<CheckReport> {
  const { repositories, summary } = await statusOfAll(directory);
  const findings = repositories.flatMap(findingsOfOne);
  const figures = {
    repositories: summary.repositories,
    damaged: summary.damaged,
    overdue: summary.overdue,
    failing: summary.failing,
  };
  const good = `${counted(summary.repositories, 'repository', 'repositories')} within their schedules`;
  return { ...reportOf(findings, good), figures };
}

function findingsOfOne(repository: RepositoryStatus): readonly Finding[] {
  const { name, totals, problem, misconfigured, overdue = [], lastRun } = repository;
  const critical = [
    ...(totals ? [] : [`it cannot be read: ${problem ?? ''}`]),
    ...overdue.map((tag) => `${tag} is overdue`),
    ...(totals && totals.newest === null ? ['there is no good revision'] : []),
    ...((totals?.damaged ?? 0) > 0 ? [counted(totals?.damaged ?? 0, 'damaged revision')] : []),
  ];
  const warning = [
    ...(misconfigured === undefined ? [] : [misconfigured]),
    ...runWarnings(lastRun, repository.unfinishedRestores),
  ];
  return findingsOf(name, critical, warning);
}

/** The warnings about failed runs and restores that were broken off. */
function runWarnings(
  lastRun: RepositoryStatus['lastRun'],
  restores: RepositoryStatus['unfinishedRestores'] = [],
): readonly string[] {
  const { failures = 0, lastFailure } = lastRun ?? {};
  return [
    ...(failures > 0 ? [`${counted(failures, 'run')} failed: ${lastFailure?.message ?? ''}`] : []),
    ...(restores.length > 0 ? [counted(restores.length, 'unfinished restore')] : []),
  ];
}

function findingsOf(
  subject: string,
  critical: readonly string[],
  warning: readonly string[],
): readonly Finding[] {
  const reasons = [...critical, ...warning];
  if (reasons.length === 0) return [];
  return [{ verdict: critical.length > 0 ? 'critical' : 'warning', subject, reasons }];
}

function reportOf(findings: readonly Finding[], good: string): Omit<CheckReport, 'figures'> {
  const verdict = worstOf(findings.map((finding) => finding.verdict));
  const [first] = worstFirst(findings);
  const bad =
    findings.length === 1 && first
      ? `${first.subject}: ${first.reasons[0] ?? ''}`
      : `${findings.length} need attention`;
  return { verdict, summary: verdict === 'ok' ? good : bad, findings: worstFirst(findings) };
}
