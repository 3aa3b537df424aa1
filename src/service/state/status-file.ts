import { load } from 'js-yaml';
import { isObject } from '../../domain/shape.ts';
import type { JobStatus, ServiceStatus } from '../model/service-status.ts';

/** The facts about the service as a whole stand in a comment on the first line. */
const HEADING = '# backy-service: ';
/** Keys of a job whose values are times: YAML has a type for them, and JSON has none. */
const TIME_KEYS = ['last_time', 'next_time'];

/**
 * Formats the status file. It is the YAML list of the Python backy, one job on each line, so that its monitoring goes on
 * working. The key `service` of each job has everything else that is known of it.
 */
export function formatStatusFile({ jobs, ...service }: ServiceStatus): string {
  const lines = jobs.map((job) => `- ${flow(oldKeys(job))}`);
  return `${[HEADING + JSON.stringify(service), ...(lines.length > 0 ? lines : ['[]'])].join('\n')}\n`;
}

/**
 * Reads a status file back. One that the Python backy wrote has jobs with fewer facts.
 *
 * @throws SyntaxError when it is something else
 */
export function parseStatusFile(text: string): ServiceStatus | readonly OldJobStatus[] {
  const [first = '', ...rest] = text.trimEnd().split('\n');
  if (!first.startsWith(HEADING)) return parseOld(text);
  const service: Omit<ServiceStatus, 'jobs'> = JSON.parse(first.slice(HEADING.length));
  return { ...service, jobs: rest.flatMap(jobOf) };
}

/** A job as the Python backy knew it. */
export interface OldJobStatus {
  readonly job: string;
  readonly sla: string;
  readonly lastTime: string | null;
  readonly reports: number;
}

/**
 * The last key of a line holds all facts; reading 1,000 jobs by a YAML parser would take 50 ms. No name can imitate this
 * text, because quotes in it are escaped.
 */
const SERVICE_KEY = ', service: {"job":';

function jobOf(line: string): readonly JobStatus[] {
  const at = line.indexOf(SERVICE_KEY);
  if (!line.startsWith('- {')) return [];
  if (at < 0) throw new SyntaxError('a job without the facts of the service');
  const status: JobStatus = JSON.parse(line.slice(at + ', service: '.length, -1));
  return [status];
}

function oldKeys(status: JobStatus): Readonly<Record<string, unknown>> {
  const { last, next } = status;
  const isLate = status.tags.some(({ overdue }) => overdue > 0);
  const age = last && isLate ? Math.max(0, (Date.now() - Date.parse(last.time)) / 1000) : 0;
  return {
    job: status.job,
    sla: isLate ? 'TOO OLD' : 'OK',
    sla_overdue: Math.round(age),
    status: oldPhase(status),
    last_time: last?.time ?? null,
    last_tags: last?.tags.join(',') ?? null,
    last_duration: last?.duration ?? null,
    next_time: next?.time ?? null,
    next_tags: next?.tags.join(',') ?? null,
    manual_tags: status.manualTags.join(', '),
    quarantine_reports: status.damaged,
    problem_reports: status.damaged,
    unsynced_revs: 0,
    local_revs: status.revisions,
    service: jobFirst(status),
  };
}

/** The key `job` comes first, wherever the status comes from. */
function jobFirst({ job, ...rest }: JobStatus): JobStatus {
  return { job, ...rest };
}

function oldPhase({ phase, pool, run }: JobStatus): string {
  switch (phase) {
    case 'running':
    case 'verifying':
      return `running (${pool})`;
    case 'queued':
      return `waiting for worker slot (${pool})`;
    case 'paused':
      return 'paused';
    case 'backing-off':
      return 'failed';
    case 'waiting':
      return run?.outcome === 'failed' ? 'failed' : 'waiting for deadline';
  }
}

/** A flow mapping of YAML whose values are JSON, which is YAML, too. Times are bare, so that they are timestamps. */
function flow(entries: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(entries).map(([key, value]) => {
    const isTime = TIME_KEYS.includes(key) && typeof value === 'string';
    return `${key}: ${isTime ? value : JSON.stringify(value)}`;
  });
  return `{${parts.join(', ')}}`;
}

function parseOld(text: string): readonly OldJobStatus[] {
  const list: unknown = load(text) ?? [];
  if (!Array.isArray(list)) throw new SyntaxError('it is not a list of jobs');
  return list.map((entry: unknown) => {
    if (!isObject(entry) || typeof entry.job !== 'string') throw new SyntaxError('an entry is not a job');
    const { job, sla, last_time: lastTime, quarantine_reports: reports = entry.problem_reports } = entry;
    return {
      job,
      sla: typeof sla === 'string' ? sla : '',
      lastTime: timeOf(lastTime),
      reports: typeof reports === 'number' ? reports : 0,
    };
  });
}

/** A time as YAML 1.1 has it, or as a text. */
function timeOf(value: unknown): string | null {
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'string') return null;
  const timeMs = Date.parse(value);
  return Number.isNaN(timeMs) ? value : new Date(timeMs).toISOString();
}
