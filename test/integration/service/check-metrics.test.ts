import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { formatStatusFile } from '../../../src/service/state/status-file.ts';
import { run } from '../../helpers/command.ts';
import { scratchForTest } from '../../helpers/scratch.ts';
import { jobStatus, statusOf } from '../../unit/service/statuses.ts';

const PROGRAM = fileURLToPath(new URL('../../../bin/backy.js', import.meta.url));
const HOSTILE = 'a"b\\c\nbacky_job_running{job="x"} 1';

/** A site whose service has written its status and stopped. */
function stoppedSite(): {
  readonly directory: string;
  check(...args: readonly string[]): ReturnType<typeof run>;
} {
  const directory = scratchForTest();
  const base = join(directory, 'base');
  mkdirSync(base);
  const config = join(directory, 'backy.conf');
  writeFileSync(config, `global: {base-dir: ${base}}\nschedules: {}\njobs: {}\n`);
  const status = statusOf([jobStatus('vm1'), jobStatus(HOSTILE)]);
  const fullAt = '2026-01-08T00:00:00.000Z';
  const filesystems = [{ path: '/srv', size: 10, free: 5, fullAt }];
  writeFileSync(join(base, 'status'), formatStatusFile({ ...status, filesystems }));
  const check = (...args: readonly string[]) =>
    run(process.execPath, [PROGRAM, '-c', config, 'check', '--format', 'prometheus', ...args]);
  return { directory, check };
}

describe('check --format prometheus', () => {
  let site: ReturnType<typeof stoppedSite>;
  beforeEach(() => {
    site = stoppedSite();
  });

  it('prints the metrics, and counts what is overdue by the time of now', async () => {
    const { exitCode, stdout } = await site.check();

    expect(exitCode).toBe(0);
    expect(stdout).toContain('backy_job_last_success_timestamp_seconds{job="vm1",tag="daily"} 1767236400\n');
    expect(stdout).toContain(`backy_fs_full_timestamp_seconds{path="/srv"} ${Date.UTC(2026, 0, 8) / 1000}\n`);
    const overdue = Number(/backy_job_sla_overdue_seconds\{job="vm1"\} (\d+)/.exec(stdout)?.[1]);
    const expected = (Date.now() - Date.parse('2026-01-01T03:00:00Z')) / 1000 - 129_600;
    expect(Math.abs(overdue - expected)).toBeLessThan(60);
  });

  it('lets no name of a job add a line', async () => {
    const { stdout } = await site.check();
    const lines = stdout.split('\n').filter((line) => line.startsWith('backy_job_running'));
    expect(lines).toEqual([
      'backy_job_running{job="vm1"} 0',
      String.raw`backy_job_running{job="a\"b\\c\nbacky_job_running{job=\"x\"} 1"} 0`,
    ]);
  });

  it('replaces a file that others may read, at once', async () => {
    const output = join(site.directory, 'backy.prom');
    writeFileSync(output, 'old\n', { mode: 0o600 });

    const { exitCode, stdout } = await site.check('--output', output);

    expect([exitCode, stdout]).toEqual([0, '']);
    expect(readFileSync(output, 'utf8')).toContain('backy_config_ok 1\n');
    expect(statSync(output).mode & 0o777).toBe(0o644);
    expect(readdirSync(site.directory).toSorted()).toEqual(['backy.conf', 'backy.prom', 'base']);
  });

  it('leaves the file as it is if there is no status, and says so', async () => {
    const { directory, check } = stoppedSite();
    const output = join(directory, 'backy.prom');
    writeFileSync(output, 'old\n');
    writeFileSync(
      join(directory, 'backy.conf'),
      `global: {base-dir: ${directory}}\nschedules: {}\njobs: {}\n`,
    );

    const { exitCode, stderr } = await check('--output', output);

    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/^backy: warning: .*status file/);
    expect(readFileSync(output, 'utf8')).toBe('old\n');
  });

  it('refuses repositories, and an output without metrics', async () => {
    const output = join(site.directory, 'x');
    expect((await site.check('--all', site.directory)).exitCode).toBe(3);
    expect((await site.check('--format', 'nagios', '--output', output)).exitCode).toBe(3);
  });

  it('never takes a mistake in the command line for a warning, which 1 is for Nagios', async () => {
    expect((await site.check('--no-such-option')).exitCode).toBe(3);
    expect((await site.check('--format', 'xml')).exitCode).toBe(3);
  });
});
