import { counted } from '../../domain/counted.ts';
import { compareVerdicts } from '../../domain/job-verdict.ts';
import type { JobStatus, ServiceStatus } from '../../service/model/service-status.ts';
import { type Column, type Row, tableLines } from './columns.ts';
import { createLook, type Look } from './look.ts';
import { formatLocalTime } from './words.ts';

const COLUMNS: readonly Column[] = [
  { title: 'Job' },
  { title: 'Verdict' },
  { title: 'State' },
  { title: 'Last backup' },
  { title: 'Tags' },
  { title: 'Next' },
];

/** The lines of `backy jobs`: the worst jobs first, and a summary. */
export function jobLines(status: ServiceStatus, look: Look = createLook()): readonly string[] {
  const jobs = status.jobs.toSorted(
    (one, other) => compareVerdicts(one.verdict, other.verdict) || one.job.localeCompare(other.job),
  );
  const good = jobs.filter(({ verdict }) => verdict === 'ok').length;
  return [
    ...tableLines(COLUMNS, jobs.map(jobRow), look),
    ...(jobs.length > 0 ? [''] : []),
    `${good} of ${counted(jobs.length, 'job')} as they should be`,
    ...(status.configOk
      ? []
      : [look.alarm(`the configuration on the disk is refused: ${status.configProblem}`)]),
  ];
}

function jobRow({ job, verdict, phase, last, next, reasons, pause }: JobStatus): Row {
  return {
    cells: [
      job,
      verdict,
      phase,
      last ? formatLocalTime(new Date(last.time)) : 'never',
      last ? last.tags.join(',') : '-',
      next ? formatLocalTime(new Date(next.time)) : '-',
    ],
    remarks: [...reasons, ...(pause ? [`paused by ${pause.by}: ${pause.reason}`] : [])],
    isAlarming: verdict === 'critical',
  };
}
