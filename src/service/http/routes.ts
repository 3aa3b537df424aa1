import { backyError } from '../../errors.ts';
import { OLD_ROUTES } from './old-routes.ts';
import type { Route } from './route.ts';

const MOST_DAYS = 366;
const JOB = '{job}';

/** The API of the service. Nothing in it restores or removes. */
export const ROUTES: readonly Route[] = [
  ...OLD_ROUTES,
  {
    method: 'GET',
    path: '/v1/status',
    role: 'read',
    summary: 'The state of the service with all jobs',
    status: 200,
    query: { filter: 'a text that the names of the jobs contain' },
    handle: ({ control, query: { filter = '' } }) => {
      const status = control.status();
      return { ...status, jobs: status.jobs.filter(({ job }) => job.includes(filter)) };
    },
  },
  {
    method: 'GET',
    path: '/v1/jobs',
    role: 'read',
    summary: 'All jobs',
    status: 200,
    handle: ({ control }) => control.status().jobs,
  },
  {
    method: 'GET',
    path: `/v1/jobs/${JOB}`,
    role: 'read',
    summary: 'One job',
    status: 200,
    handle: ({ control, params }) => control.job(params.job ?? ''),
  },
  {
    method: 'GET',
    path: `/v1/jobs/${JOB}/revisions`,
    role: 'read',
    summary: 'The records of a job, newest first',
    status: 200,
    handle: ({ control, params }) => control.revisions(params.job ?? ''),
  },
  {
    method: 'GET',
    path: `/v1/jobs/${JOB}/runs`,
    role: 'read',
    summary: 'The latest runs of a job, newest first',
    status: 200,
    handle: ({ control, params }) => control.runs(params.job ?? ''),
  },
  {
    method: 'POST',
    path: `/v1/jobs/${JOB}/run`,
    role: 'operate',
    summary: 'Back a job up now',
    status: 202,
    handle: ({ control, params, by }) => control.run(params.job ?? '', by),
  },
  {
    method: 'POST',
    path: `/v1/jobs/${JOB}/verify`,
    role: 'operate',
    summary: 'Verify the revisions of a job now',
    status: 202,
    handle: ({ control, params, by }) => control.verify(params.job ?? '', by),
  },
  {
    method: 'POST',
    path: `/v1/jobs/${JOB}/pause`,
    role: 'operate',
    summary: 'Begin no run of a job until it is resumed',
    status: 202,
    body: { reason: 'the reason, for people', until: 'the end of the pause, ISO 8601; none by default' },
    handle: ({ control, params, body, by }) =>
      control.pause(params.job ?? '', { reason: reasonOf(body.reason), until: untilOf(body.until), by }),
  },
  {
    method: 'POST',
    path: `/v1/jobs/${JOB}/resume`,
    role: 'operate',
    summary: 'End the pause of a job',
    status: 202,
    handle: ({ control, params, by }) => control.resume(params.job ?? '', by),
  },
  {
    method: 'POST',
    path: '/v1/reload',
    role: 'admin',
    summary: 'Read the configuration again',
    status: 202,
    handle: async ({ control, by }) => {
      await control.reload(by);
      return { reloaded: true };
    },
  },
  {
    method: 'GET',
    path: '/v1/simulate',
    role: 'read',
    summary: 'The runs that the schedules lead to, in order of time',
    status: 200,
    query: { days: `days to look ahead, 1 to ${MOST_DAYS}; 7 by default` },
    handle: ({ control, query }) => control.simulate(daysOf(query.days)),
  },
];

function reasonOf(value: unknown): string {
  if (typeof value === 'string' && value.trim() !== '' && value.length <= 500) return value;
  throw backyError('BACKY_INVALID_ARGUMENT', { detail: 'reason is missing or longer than 500 characters' });
}

function untilOf(value: unknown): Date | undefined {
  if (value === undefined || value === null) return undefined;
  const timeMs = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (!Number.isNaN(timeMs)) return new Date(timeMs);
  throw backyError('BACKY_INVALID_ARGUMENT', { detail: 'until is not a time such as 2026-01-31T03:00:00Z' });
}

function daysOf(text = '7'): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= MOST_DAYS) return days;
  throw backyError('BACKY_INVALID_ARGUMENT', { detail: `days is not a whole number from 1 to ${MOST_DAYS}` });
}
