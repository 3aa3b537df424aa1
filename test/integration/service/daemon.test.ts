import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';
import { afterEach, describe, expect, it } from 'vitest';
import { openService } from '../../../src/index.ts';
import type { ServiceStatus } from '../../../src/service/model/service-status.ts';
import { MIB, randomBytes } from '../../helpers/bytes.ts';
import { run } from '../../helpers/command.ts';
import { patiently } from '../../helpers/patiently.ts';
import { scratchForTest } from '../../helpers/scratch.ts';

const PROGRAM = fileURLToPath(new URL('../../../bin/backy.js', import.meta.url));

interface Site {
  readonly directory: string;
  readonly config: string;
  path(name: string): string;
  backy(...args: readonly string[]): ReturnType<typeof run>;
  /** Starts the service and waits until it serves. */
  start(): Promise<ChildProcess>;
  status(): Promise<ServiceStatus>;
  log(): string;
}

const services: ChildProcess[] = [];

afterEach(async () => {
  for (const service of services.splice(0)) {
    if (service.exitCode !== null || service.signalCode !== null) continue;
    service.kill('SIGKILL');
    await once(service, 'exit');
  }
});

/** Names whose first backup comes within a second, by the spread of the service. */
const QUICK = ['vm654', 'vm657', 'vm883', 'vm969'];

/** A site with jobs whose sources are small files. */
function site(jobs: number, more = ''): Site {
  const directory = scratchForTest();
  const path = (name: string): string => join(directory, name);
  mkdirSync(path('base'));
  const lines = Array.from({ length: jobs }, (_, index) => {
    const name = QUICK[index] ?? '';
    writeFileSync(path(`${name}.img`), randomBytes(MIB));
    return `  ${name}: {schedule: default, source: {type: file, filename: ${path(`${name}.img`)}}}`;
  });
  const text = [
    `global: {base-dir: ${path('base')}, worker-limit: 2, shutdown-timeout: 20, status-interval: 1}`,
    'schedules: {default: {daily: {interval: 1d, keep: 9}}}',
    'jobs:',
    ...lines,
    more,
  ];
  writeFileSync(path('backy.conf'), `${text.join('\n')}\n`);
  let output = '';
  const config = path('backy.conf');
  const backy = (...args: readonly string[]) => run(process.execPath, [PROGRAM, '-c', config, ...args]);
  return {
    directory,
    config,
    path,
    backy,
    log: () => output,
    start: async () => {
      output = '';
      const service = spawn(process.execPath, [PROGRAM, '-c', config, 'scheduler'], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      services.push(service);
      service.stderr?.on('data', (bytes) => {
        output += bytes;
      });
      await soon(async () => expect(output).toContain('serving'));
      return service;
    },
    status: async () => JSON.parse((await backy('--json', 'jobs')).stdout),
  };
}

/** Tries again for half a minute. */
function soon(attempt: () => Promise<void>): Promise<void> {
  return patiently(attempt, 300, 100);
}

async function stop(service: ChildProcess): Promise<number | null> {
  service.kill('SIGTERM');
  const [exitCode] = await once(service, 'exit');
  return exitCode;
}

describe('the service', () => {
  it('backs up what was never backed up, keeps its status file, and stops in order', async () => {
    const { start, status, path, backy } = site(
      3,
      '  lost: {schedule: default, source: {type: file, filename: /nonexistent/disk.img}}',
    );
    // The service would start these jobs at once; one that fails must not hide the others.
    const runs = await backy('run', '--all');
    expect(runs.exitCode).toBe(1);
    expect(runs.stdout).toContain('3 of 4 jobs backed up');
    expect(runs.stdout).toMatch(/lost {2}failed {2}The source \/nonexistent\/disk.img does not exist/);

    const service = await start();

    await soon(async () =>
      expect((await status()).jobs.map(({ revisions }) => revisions)).toEqual([1, 1, 1, 0]),
    );
    const list = load(readFileSync(path('base/status'), 'utf8'));
    expect(list).toMatchObject([
      { job: 'vm654', sla: 'OK', sla_overdue: 0, status: 'waiting for deadline', last_tags: 'daily' },
      { job: 'vm657' },
      { job: 'vm883' },
      { job: 'lost', last_time: null },
    ]);
    expect(statSync(path('base/status')).mode & 0o777).toBe(0o644);
    const check = await backy('check');
    expect([check.exitCode, check.stdout]).toEqual([
      0,
      expect.stringMatching(/^OK: 4 jobs within SLA \| jobs=4 /),
    ]);
    expect(await stop(service)).toBe(0);
  });

  it('is the only one of its base directory', async () => {
    const { start, backy } = site(1);
    const service = await start();

    const second = await backy('scheduler');

    expect(second.exitCode).toBe(69);
    expect(second.stderr).toContain('Another service runs for');
    expect(await stop(service)).toBe(0);
  });

  it('takes a new configuration on HUP, and keeps the old one if the new one has a mistake', async () => {
    const { start, status, config, backy, log } = site(1);
    const service = await start();
    const good = readFileSync(config, 'utf8');

    writeFileSync(config, good.replace('keep: 9', 'kep: 9'));
    service.kill('SIGHUP');
    await soon(async () => expect(log()).toContain('the old one stays in force'));

    await soon(async () => expect((await status()).configOk).toBe(false));
    const check = await backy('check');
    expect(check.exitCode).toBe(1);
    expect(check.stdout).toMatch(/WARNING: configuration: .*backy\.conf:2:\d+: .*"kep"/);

    writeFileSync(config, good.replace('  vm654:', '  renamed:'));
    service.kill('SIGHUP');
    await soon(async () => expect((await status()).jobs.map(({ job }) => job)).toEqual(['renamed']));
    expect(await stop(service)).toBe(0);
  });

  it('does no harm when it is killed: its run goes on, and the next service finds the revision', async () => {
    const { start, status, path, config } = site(1);
    const slow = readFileSync(config, 'utf8').replace(
      'status-interval: 1',
      'status-interval: 1, rate: 256KiB',
    );
    writeFileSync(config, slow);
    writeFileSync(path('base/state.json'), '{ broken');
    const first = await start();
    await soon(async () => expect((await status()).jobs[0]?.phase).toBe('running'));
    first.kill('SIGKILL');
    await once(first, 'exit');

    const second = await start();

    await soon(async () => expect((await status()).jobs[0]?.revisions).toBe(1));
    expect(await stop(second)).toBe(0);
  });

  it('goes on when its base directory is gone, and says so', async () => {
    const { start, path, backy, log } = site(1);
    const service = await start();
    rmSync(path('base'), { recursive: true, maxRetries: 5 });

    await soon(async () => expect(log()).toContain('the state cannot be written'));

    expect(service.exitCode).toBeNull();
    const check = await backy('check');
    expect([check.exitCode, check.stdout]).toEqual([
      3,
      expect.stringMatching(/^UNKNOWN: No status file found at /),
    ]);
    expect(await stop(service)).toBe(0);
  });
});

describe('a running service', () => {
  it('runs a job now, pauses it with a reason over a restart, and resumes it', async () => {
    const { start, status, backy, path } = site(1);
    const first = await start();
    await soon(async () => expect((await status()).jobs[0]?.revisions).toBe(1));

    const now = await backy('run', 'vm654');
    expect([now.exitCode, now.stdout]).toEqual([
      0,
      expect.stringMatching(/^vm654 {2}ok {2}[0-9a-f-]{36}\n1 of 1 job/),
    ]);

    const paused = await backy('pause', 'vm654', '--reason', 'moving the disk', '--for', '2d');
    expect([paused.exitCode, paused.stderr]).toEqual([0, '']);
    await stop(first);
    const second = await start();
    const refused = await backy('run', 'vm654');
    expect([refused.exitCode, refused.stdout]).toEqual([
      1,
      expect.stringContaining('is paused: moving the disk'),
    ]);
    expect((await backy('jobs')).stdout).toMatch(/paused by api socket: moving the disk/);

    expect((await backy('resume', 'vm654')).exitCode).toBe(0);
    expect((await backy('run', 'vm654')).exitCode).toBe(0);
    expect((await backy('pause', 'nobody', '--reason', 'x')).stderr).toContain('There is no job "nobody"');
    const actions = readFileSync(path('base/audit.log'), 'utf8').trimEnd().split('\n');
    expect(actions.map((line) => JSON.parse(line).result)).toEqual([
      'ok',
      'ok',
      'BACKY_JOB_PAUSED',
      'ok',
      'ok',
      'BACKY_JOB_UNKNOWN',
    ]);
    expect(await stop(second)).toBe(0);
    expect((await backy('resume', 'vm654')).stderr).toContain('No service answers at');
  });

  it('takes a new job from the command line', async () => {
    const { start, config, path, backy, status } = site(1);
    const text = readFileSync(config, 'utf8').replace('{base-dir', "{include: 'backy.d/*.yml', base-dir");
    writeFileSync(config, text);
    const service = await start();

    const added = await backy('add', 'vm969', 'file', path('vm654.img'));

    expect([added.exitCode, added.stderr]).toEqual([0, '']);
    expect(readFileSync(path('backy.d/vm969.yml'), 'utf8')).toContain('schedule: default');
    await soon(async () => expect((await status()).jobs.map(({ revisions }) => revisions)).toEqual([1, 1]));
    const again = await backy('add', 'vm969', 'file', path('vm654.img'));
    expect([again.exitCode, again.stderr]).toEqual([1, expect.stringContaining('jobs.vm969 is in ')]);
    expect((await backy('add', 'x/y', 'file', '/z')).stderr).toContain('a name without /');
    expect((await backy('add', 'other', 'tape', '/z')).stderr).toContain('There is no source type "tape"');
    expect(await stop(service)).toBe(0);
  });

  it('tells programs what happens', async () => {
    const { start, config } = site(2);
    const service = await start();
    const handle = await openService(config);
    const seen: string[] = [];
    const events = handle.events();
    const ticket = await handle.run('vm657');
    for await (const { type, run: ended } of events) {
      seen.push(type);
      if (type === 'run-ended' && ended?.id === ticket.run) break;
    }
    expect(seen).toContain('run-ended');
    expect((await handle.runs('vm657'))[0]).toMatchObject({ id: ticket.run, outcome: 'ok' });
    expect((await handle.jobs()).map(({ job }) => job)).toEqual(['vm654', 'vm657']);
    await expect(handle.run('nobody')).rejects.toMatchObject({ code: 'BACKY_JOB_UNKNOWN' });
    expect((await handle.simulate(3)).length).toBeGreaterThan(2);
    expect(await stop(service)).toBe(0);
    await expect(handle.jobs()).rejects.toMatchObject({ code: 'BACKY_SERVICE_ABSENT' });
  });

  it('opens sockets with the permissions of their roles, and replaces those of a dead service', async () => {
    const { start, path, backy } = site(1);
    const first = await start();
    const modes = ['.api.sock', '.status.sock'].map((name) => statSync(path(`base/${name}`)).mode & 0o777);
    expect(modes).toEqual([0o600, 0o660]);
    first.kill('SIGKILL');
    await once(first, 'exit');
    const second = await start();
    expect((await backy('run', 'vm654')).exitCode).toBe(0);
    expect(await stop(second)).toBe(0);
  });

  it('runs the hooks around each backup, and the callback after good ones', async () => {
    const { config, path, backy } = site(1);
    const hook = path('hook.sh');
    writeFileSync(
      hook,
      `#!/bin/sh\nread -r line\necho "$1 $BACKY_JOB $BACKY_OUTCOME $line" >> ${path('hooks.log')}\n[ "$1" != fail ]\n`,
      { mode: 0o755 },
    );
    const base = readFileSync(config, 'utf8').replace(
      'status-interval',
      `backup-completed-callback: ${hook}, status-interval`,
    );
    const withHooks = (before: string): string =>
      base.replace(/vm654: \{/, `vm654: {hooks: {before: ${hook} ${before}, after: [${hook}, after]}, `);
    writeFileSync(config, withHooks('before'));
    expect((await backy('run', 'vm654')).exitCode).toBe(0);
    const [before, after, callback] = readFileSync(path('hooks.log'), 'utf8').trimEnd().split('\n');
    expect([before, after]).toEqual(
      ['before vm654', 'after vm654 ok'].map((line) => expect.stringContaining(line)),
    );
    expect(callback).toMatch(/^vm654 vm654 {2}\[\{"formatVersion":1,/);

    writeFileSync(config, withHooks('fail'));
    const failed = await backy('run', 'vm654');
    expect([failed.exitCode, failed.stdout]).toEqual([
      1,
      expect.stringContaining('The hook before the backup of vm654 failed'),
    ]);
    expect(readFileSync(path('hooks.log'), 'utf8').trimEnd().split('\n').at(-1)).toContain(
      'after vm654 failed',
    );
  });
});

describe('check', () => {
  it('is critical when the status file is old, however good it says things are', async () => {
    const { start, path, backy } = site(1);
    await backy('run', '--all');
    const service = await start();
    await soon(async () => expect(statSync(path('base/status')).size).toBeGreaterThan(0));
    await stop(service);
    const old = new Date(Date.now() - 10 * 60_000);
    utimesSync(path('base/status'), old, old);

    const { exitCode, stdout } = await backy('check');

    expect(exitCode).toBe(2);
    expect(stdout).toMatch(/^CRITICAL: 1 critical problem among 1 job \| jobs=1 critical=1 warning=0\n/);
    expect(stdout).toContain('CRITICAL: service: the status file is 10m');
  });

  it('reads the status file of the Python backy, and does not take a job for good that was never backed up', async () => {
    const { path, backy } = site(1);
    writeFileSync(
      path('base/status'),
      [
        '- job: vm654',
        '  last_time: 2026-01-01 00:00:00+00:00',
        '  quarantine_reports: 2',
        '  sla: OK',
        '- {job: vm657, sla: TOO OLD, last_time: 2026-01-01 00:00:00+00:00, quarantine_reports: 0}',
        '- {job: vm883, sla: OK, last_time: null, quarantine_reports: 0}',
      ].join('\n'),
    );

    const { exitCode, stdout } = await backy('check');

    expect(exitCode).toBe(2);
    expect(stdout.trimEnd().split('\n')).toEqual([
      'CRITICAL: 2 critical problems, 1 warning among 3 jobs | jobs=3 critical=2 warning=1',
      expect.stringMatching(
        /^CRITICAL: vm657: not within its SLA: last backed up at 2026-01-01T00:00:00.000Z/,
      ),
      'CRITICAL: vm883: never backed up',
      'WARNING: vm654: 2 reports of damage',
    ]);
  });

  it('knows nothing without a status file, and nothing of a status file that is none', async () => {
    const { path, backy } = site(1);
    expect((await backy('check')).exitCode).toBe(3);
    writeFileSync(path('base/status'), 'hello: world\n');
    expect(await backy('check')).toMatchObject({ exitCode: 3, stdout: expect.stringMatching(/^UNKNOWN: /) });
  });

  it('judges repositories without a service', async () => {
    const { path, backy } = site(2);
    await backy('run', '--all');

    const one = await backy('-b', path('base/vm654'), 'check');
    const all = await backy('check', '--all', path('base'));

    expect([one.exitCode, one.stdout]).toEqual([
      0,
      expect.stringMatching(/^OK: 1 revision within the schedule \| /),
    ]);
    expect([all.exitCode, all.stdout]).toEqual([
      0,
      expect.stringMatching(/^OK: 2 repositories within their schedules \| /),
    ]);
    rmSync(path('base/vm657/last'));
    const [revision] = (await run('ls', [path('base/vm657')])).stdout.split('\n');
    rmSync(path(`base/vm657/${revision}`));
    const damaged = await backy('check', '--all', path('base'));
    expect([damaged.exitCode, damaged.stdout]).toEqual([2, expect.stringContaining('CRITICAL: vm657: ')]);
  });
});
