import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { statusFileIn } from '../../../src/service/config/status-file-in.ts';
import { scratchDirectory } from '../scratch.ts';

function inText(text: string): string {
  const path = join(scratchDirectory(), 'backy.conf');
  writeFileSync(path, text);
  return statusFileIn(path);
}

describe('the path of the status file', () => {
  it.each([
    ['global: {base-dir: /srv/backy/}\njobs: {}\n', '/srv/backy/status'],
    [
      'global:\n  base-dir: /srv/backy\n\n# a comment\n  status-file: /run/x\njobs:\n  a: {status-file: no}\n',
      '/run/x',
    ],
    ['jobs:\n  global: {base-dir: /no}\nglobal:\r\n  base-dir: /srv\r\n', '/srv/status'],
    ['{"global": {"base-dir": "/json"}, "jobs": {}}', '/json/status'],
    ['jobs: {a: &base /srv/anchor}\nglobal: {base-dir: *base}\n', '/srv/anchor/status'],
    ['global: {base-dir: /srv}', '/srv/status'],
    ['x: |\n  global: {base-dir: /no}\nglobal: {base-dir: /yes}\n', '/yes/status'],
    ['"global": {base-dir: /quoted}\njobs: {}\n', '/quoted/status'],
  ])('is found in %j', (text, expected) => {
    expect(inText(text)).toBe(expected);
  });

  it('is found whatever mistakes there are elsewhere', () => {
    expect(inText('global: {base-dir: /srv}\njobs: {a: [}\n')).toBe('/srv/status');
  });

  it('leads to the mistake where it cannot be told', () => {
    expect(() => inText('global: {base-dir: [1]}\nschedules: {}\njobs: {}\n')).toThrow(/backy\.conf:1:/);
    expect(() => inText('schedules: {}\njobs: {}\n')).toThrow(/base-dir/);
  });
});
