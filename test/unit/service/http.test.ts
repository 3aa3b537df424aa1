import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { backyError } from '../../../src/errors.ts';
import { createApp } from '../../../src/service/http/app.ts';
import type { Listener } from '../../../src/service/http/caller.ts';
import { METRICS } from '../../../src/service/http/metrics.ts';
import { ROUTES } from '../../../src/service/http/routes.ts';
import type { TokenOwner } from '../../../src/service/model/service-config.ts';
import type { ServiceControl } from '../../../src/service/model/service-control.ts';
import type { JobStatus } from '../../../src/service/model/service-status.ts';
import { formatStatusFile, parseStatusFile } from '../../../src/service/state/status-file.ts';
import { jobStatus, statusOf } from './statuses.ts';

const HOSTILE = '<script>alert(1)</script>"\'&\u202e| x';

function appOf(listener: Listener, jobs: readonly JobStatus[] = [jobStatus('web1'), jobStatus(HOSTILE)]) {
  const done: string[] = [];
  const audited: Readonly<Record<string, unknown>>[] = [];
  const find = (name: string): JobStatus => {
    const found = jobs.find(({ job }) => job === name);
    if (!found) throw backyError('BACKY_JOB_UNKNOWN', { job: name });
    return found;
  };
  const control: ServiceControl = {
    status: () => statusOf(jobs),
    job: find,
    revisions: async (name) => [find(name)].flatMap(() => []),
    runs: (name) => [find(name)].flatMap(() => []),
    run: (name, by) => {
      done.push(`run ${find(name).job} ${by}`);
      return { job: name, run: 'r1' };
    },
    verify: (name) => ({ job: find(name).job, run: 'r2' }),
    pause: (name, { reason }) => {
      done.push(`pause ${name} ${reason}`);
      return find(name);
    },
    resume: find,
    reload: async () => {
      throw new TypeError('a defect with a secret in /etc/shadow');
    },
    simulate: () => [],
    listen: () => () => {},
  };
  const sha = (token: string): string => createHash('sha256').update(token).digest('hex');
  const tokens = new Map<string, TokenOwner>([
    [sha('reader'), { name: 'grafana', role: 'read' }],
    [sha('operator'), { name: 'deploy', role: 'operate' }],
  ]);
  const app = createApp({
    control,
    api: () => ({ tokens }),
    listener,
    audit: (entry) => audited.push(entry),
  });
  return { app, done, audited };
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

describe('the API', () => {
  it('answers each route of its table, and describes it', async () => {
    const { app } = appOf('api-socket');
    const document = JSON.parse(await (await app.request('/openapi.json')).text());
    for (const { method, path, status } of ROUTES) {
      const body = path.endsWith('/pause') ? { body: JSON.stringify({ reason: 'moving' }) } : {};
      const answer = await app.request(path.replace('{job}', 'web1'), { method, ...body });
      expect([path, answer.status]).toEqual([path, path === '/v1/reload' ? 500 : status]);
      expect(answer.headers.get('content-type')).toContain('application/json');
      expect(document.paths[path][method.toLowerCase()].responses).toHaveProperty(String(status));
    }
  });

  it('takes names of jobs as data', async () => {
    const { app, done } = appOf('api-socket');
    const answer = await app.request(`/v1/jobs/${encodeURIComponent(HOSTILE)}/run`, { method: 'POST' });
    expect([answer.status, done]).toEqual([202, [`run ${HOSTILE} api socket`]]);
  });

  it('gives each caller what its role may do, and writes down what it did', async () => {
    const post = { method: 'POST' };
    const over = (listener: Listener, init: object = {}) => {
      const { app, audited } = appOf(listener);
      return { audited, answer: app.request('/v1/jobs/web1/run', { ...post, ...init }) };
    };
    expect((await over('status-socket').answer).status).toBe(403);
    expect((await over('tcp').answer).status).toBe(401);
    expect((await over('tcp', bearer('nobody')).answer).status).toBe(401);
    expect((await over('tcp', bearer('reader')).answer).status).toBe(403);
    const { audited, answer } = over('tcp', bearer('operator'));
    expect((await answer).status).toBe(202);
    expect(audited).toMatchObject([{ who: 'deploy', what: 'POST /v1/jobs/web1/run', result: 'ok' }]);
    const { app } = appOf('tcp');
    expect((await app.request('/', bearer('reader'))).status).toBe(200);
    expect((await app.request('/v1/reload', { ...post, ...bearer('operator') })).status).toBe(403);
  });

  it('refuses what a page of somebody else makes a browser send', async () => {
    const { app, done } = appOf('api-socket');
    const init = { method: 'POST', headers: { origin: 'https://evil.example' } };
    expect((await app.request('/v1/jobs/web1/run', init)).status).toBe(403);
    expect(done).toEqual([]);
  });

  it.each([
    ['GET', '/v1/jobs/nobody', undefined, 404, 'BACKY_JOB_UNKNOWN'],
    ['GET', '/v1/nothing', undefined, 404, 'BACKY_USAGE'],
    ['DELETE', '/v1/jobs/web1', undefined, 405, 'BACKY_USAGE'],
    ['POST', '/metrics', undefined, 405, 'BACKY_USAGE'],
    ['GET', '/jobs/nobody', undefined, 404, 'BACKY_JOB_UNKNOWN'],
    ['POST', '/v1/backups/web1/purge', undefined, 403, 'BACKY_UNAUTHORIZED'],
    ['POST', '/v1/jobs/web1/pause', '{}', 400, 'BACKY_INVALID_ARGUMENT'],
    ['POST', '/v1/jobs/web1/pause', '[1', 400, 'BACKY_USAGE'],
    ['POST', '/v1/jobs/web1/pause', '{"reason":"x","until":"soon"}', 400, 'BACKY_INVALID_ARGUMENT'],
    ['GET', '/v1/simulate?days=0', undefined, 400, 'BACKY_INVALID_ARGUMENT'],
    ['POST', '/v1/reload', undefined, 500, 'BACKY_PANIC'],
  ])('answers %s %s with one clear error', async (method, path, body, status, code) => {
    const { app } = appOf('api-socket');
    const answer = await app.request(path, { method, ...(body === undefined ? {} : { body }) });
    const text = await answer.text();
    expect([answer.status, JSON.parse(text).code]).toEqual([status, code]);
    expect(text).not.toMatch(/secret|at .*\.ts|TypeError/);
  });

  it('refuses a body that is too large', async () => {
    const { app } = appOf('api-socket');
    const body = JSON.stringify({ reason: 'x'.repeat(100_000) });
    const headers = { 'content-length': String(body.length) };
    expect((await app.request('/v1/jobs/web1/pause', { method: 'POST', body, headers })).status).toBe(413);
  });
});

describe('the page', () => {
  it('escapes everything, runs no script, and puts the worst job first', async () => {
    const late = jobStatus('late', {
      verdict: 'critical',
      reasons: ['daily: never backed up'],
      last: null,
      next: null,
    });
    const { app } = appOf('status-socket', [jobStatus('good'), jobStatus(HOSTILE), late]);
    const answer = await app.request('/');
    const text = await answer.text();
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(text).not.toContain('<script');
    expect(text).toContain('&lt;script&gt;alert(1)');
    expect(text.indexOf('daily: never backed up')).toBeLessThan(text.indexOf('/images/good'));
    expect(text).toContain('2 of 3 jobs protected');
  });
});

describe('the metrics', () => {
  it('have all names of the table, with escaped labels', async () => {
    const { app } = appOf('status-socket', [jobStatus('a"b\\c\n')]);
    const text = await (await app.request('/metrics')).text();
    for (const { name, type = 'gauge' } of METRICS) expect(text).toContain(`# TYPE ${name} ${type}`);
    expect(text).toContain('# TYPE backy_run_duration_seconds histogram');
    expect(text).toContain('backy_job_running{job="a\\"b\\\\c\\n"} 0');
  });
});

describe('the status file', () => {
  it('gives back all that was written, whatever jobs are called', () => {
    const status = statusOf([
      jobStatus('web1'),
      jobStatus(`${HOSTILE}, service: {"job":"x"}\n- {`, {
        last: null,
        next: null,
        manualTags: ['manual:a'],
      }),
    ]);
    expect(parseStatusFile(formatStatusFile(status))).toEqual(status);
    expect(parseStatusFile(formatStatusFile(statusOf([])))).toEqual(statusOf([]));
  });
});
