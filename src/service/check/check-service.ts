import { readFileSync, statSync } from 'node:fs';
import { counted } from '../../domain/counted.ts';
import { DAY_MS, formatDuration } from '../../domain/duration.ts';
import { FULL_SOON_MS } from '../../domain/fill-forecast.ts';
import { judgeJob, type Verdict } from '../../domain/job-verdict.ts';
import { fromNodeError, isNodeError } from '../../io-error.ts';
import { statusFileIn } from '../config/status-file-in.ts';
import type { JobStatus, ServiceStatus } from '../model/service-status.ts';
import { type OldJobStatus, parseStatusFile } from '../state/status-file.ts';
import { type CheckReport, type Finding, worstFirst, worstOf } from './report.ts';

const STALE_MS = 300_000;
const FULL_NOW_MS = 3 * DAY_MS;

/**
 * Judges a service by its status file alone, so that it works when everything else hangs.
 *
 * @param path of the configuration
 * @throws BACKY_CONFIG_INVALID, BACKY_IO
 */
export function checkService(path: string, nowMs: number): CheckReport {
  const read = readStatusFile(statusFileIn(path));
  if (typeof read === 'string') return unknown(read);
  const findings = [...stale(nowMs - read.writtenMs), ...findingsOf(read.status, nowMs)];
  const jobs = 'jobs' in read.status ? read.status.jobs.length : read.status.length;
  return reportOf(jobs, findings);
}

function unknown(summary: string): CheckReport {
  return { verdict: 'unknown', summary, figures: {}, findings: [] };
}

function reportOf(jobs: number, findings: readonly Finding[]): CheckReport {
  const verdict = worstOf(findings.map((finding) => finding.verdict));
  const count = (one: Verdict): number => findings.filter((finding) => finding.verdict === one).length;
  const [critical, warning] = [count('critical'), count('warning')];
  const good = `${counted(jobs, 'job')} within SLA`;
  const bad = [
    ...(critical > 0 ? [`${counted(critical, 'critical problem')}`] : []),
    ...(warning > 0 ? [`${counted(warning, 'warning')}`] : []),
  ].join(', ');
  return {
    verdict,
    summary: verdict === 'ok' ? good : `${bad} among ${counted(jobs, 'job')}`,
    figures: { jobs, critical, warning },
    findings: worstFirst(findings),
  };
}

function readStatusFile(
  path: string,
): { status: ReturnType<typeof parseStatusFile>; writtenMs: number } | string {
  try {
    const { mtimeMs } = statSync(path);
    return { status: parseStatusFile(readFileSync(path, 'utf8')), writtenMs: mtimeMs };
  } catch (error) {
    if (isNodeError(error, 'ENOENT')) return `No status file found at ${path}`;
    if (error instanceof SyntaxError) return `The status file ${path} cannot be read: ${error.message}`;
    throw fromNodeError(error);
  }
}

function stale(ageMs: number): readonly Finding[] {
  if (ageMs <= STALE_MS) return [];
  const reason = `the status file is ${formatDuration(ageMs)} old, so the service does not run or hangs`;
  return [{ verdict: 'critical', subject: 'service', reasons: [reason] }];
}

function findingsOf(status: ServiceStatus | readonly OldJobStatus[], nowMs: number): readonly Finding[] {
  if (!('jobs' in status)) return status.flatMap(oldFindings);
  return [...serviceFindings(status, nowMs), ...status.jobs.flatMap((job) => jobFindings(job, nowMs))];
}

function serviceFindings(status: ServiceStatus, nowMs: number): readonly Finding[] {
  const { configOk, configProblem, filesystems, notifiers } = status;
  return [
    ...(configOk
      ? []
      : [finding('warning', 'configuration', `refused, the old one is in force: ${configProblem ?? ''}`)]),
    ...notifiers.flatMap(({ name, problem }) =>
      problem === null ? [] : [finding('warning', `notifier ${name}`, problem)],
    ),
    ...filesystems.flatMap(({ path, fullAt }) => {
      if (fullAt === null) return [];
      const inMs = Date.parse(fullAt) - nowMs;
      if (inMs > FULL_SOON_MS) return [];
      const verdict = inMs <= FULL_NOW_MS ? 'critical' : 'warning';
      return [
        finding(verdict, path, `full in ${formatDuration(Math.max(0, inMs))} at the pace of two weeks`),
      ];
    }),
  ];
}

function finding(verdict: Verdict, subject: string, reason: string): Finding {
  return { verdict, subject, reasons: [reason] };
}

/** Judges again, because time has passed since the file was written. */
function jobFindings(status: JobStatus, nowMs: number): readonly Finding[] {
  const time = (text: string | null): number | undefined => (text === null ? undefined : Date.parse(text));
  const { verdict, reasons } = judgeJob(
    {
      tags: status.tags.map(({ tag, last, sla }) => ({ tag, lastMs: time(last), slaMs: sla * 1000 })),
      firstSeenMs: Date.parse(status.firstSeen),
      failures: status.failures,
      failure: status.run?.message ?? null,
      damaged: status.damaged,
      newestDistrusted: status.newestDistrusted,
      isPaused: status.pause !== null,
      verifiedSinceMs: time(status.verifiedSince),
      oldestMs: status.verifyEvery === null ? undefined : time(status.oldest),
      verifyMs: status.verifyEvery === null ? undefined : status.verifyEvery * 1000,
    },
    nowMs,
  );
  return verdict === 'ok' ? [] : [{ verdict, subject: status.job, reasons }];
}

/** A job of a status file of the Python backy. One that was never backed up is not OK, whatever that file says. */
function oldFindings({ job, sla, lastTime, reports }: OldJobStatus): readonly Finding[] {
  const last = lastTime === null ? 'never backed up' : `last backed up at ${lastTime}`;
  if (sla !== 'OK') return [finding('critical', job, `not within its SLA: ${last}`)];
  if (lastTime === null) return [finding('critical', job, last)];
  return reports > 0 ? [finding('warning', job, `${counted(reports, 'report')} of damage`)] : [];
}
