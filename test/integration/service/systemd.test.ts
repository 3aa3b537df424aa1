import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run } from '../../helpers/command.ts';
import { describeWith } from '../../helpers/needs.ts';
import { scratchForTest } from '../../helpers/scratch.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const UNITS = readdirSync(join(ROOT, 'systemd'));

/** The settings of a unit by key. */
function settingsOf(unit: string): ReadonlyMap<string, string> {
  const lines = readFileSync(join(ROOT, 'systemd', unit), 'utf8').split('\n');
  const settings = lines
    .filter((line) => /^\w+=/.test(line))
    .map((line): [string, string] => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)];
    });
  return new Map(settings);
}

describe('the units of systemd', () => {
  it('are in the package', () => {
    const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(files).toContain('systemd');
    expect(UNITS).toEqual(expect.arrayContaining(['backy.service', 'backy@.service', 'backy@.timer']));
  });

  it('keep the service from whatever it does not need, and from starting twice', () => {
    expect(Object.fromEntries(settingsOf('backy.service'))).toMatchObject({
      ProtectSystem: 'strict',
      ReadWritePaths: '/srv/backy',
      NoNewPrivileges: 'true',
      RestrictAddressFamilies: expect.stringContaining('AF_UNIX'),
      CapabilityBoundingSet: expect.not.stringContaining('CAP_SYS_ADMIN'),
      RestartPreventExitStatus: '69',
      ExecReload: '/bin/kill -HUP $MAINPID',
    });
  });

  it('make up for missed runs of a timer, and spread them', () => {
    const timer = settingsOf('backy@.timer');
    expect(timer.get('Persistent')).toBe('true');
    expect(timer.has('RandomizedDelaySec')).toBe(true);
  });
});

describeWith(['command systemd-analyze'], 'the units of systemd, to systemd-analyze', () => {
  // A template needs an instance.
  it.each(UNITS)('%s has no mistake', async (unit) => {
    const scratch = scratchForTest();
    const nameOf = (name: string): string => name.replace('@.', '@web1.');
    for (const name of UNITS) copyFileSync(join(ROOT, 'systemd', name), join(scratch, nameOf(name)));
    const path = join(scratch, nameOf(unit));
    const { exitCode, stderr } = await run('systemd-analyze', [
      'verify',
      '--man=no',
      '--recursive-errors=no',
      path,
    ]);
    expect(`${stderr}`.split('\n').filter((line) => line.includes(scratch))).toEqual([]);
    expect(exitCode).toBe(0);
  });
});
