import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadServiceConfig } from '../../../src/service/config/load-service-config.ts';
import { siteWarnings } from '../../../src/service/config/site-warnings.ts';
import { scratchDirectory } from '../scratch.ts';

const JOBS = `schedules: {d: {daily: {interval: 1d, keep: 2}}}
jobs: {a: {schedule: d, source: {type: file, filename: /nowhere/a}}, b: {schedule: d, source: {type: file, filename: /}}}
`;

/** Warnings about a configuration, with DIR for its directory. */
function warnings({ text = JOBS, more = '', mode = 0o600, hasBase = true }): readonly string[] {
  const directory = scratchDirectory();
  if (hasBase) mkdirSync(join(directory, 'base'));
  const path = join(directory, 'backy.conf');
  writeFileSync(path, `global: {base-dir: ${directory}/base, include: '*.yml'}\n${text}`);
  writeFileSync(join(directory, 'more.yml'), more);
  for (const file of [path, join(directory, 'more.yml')]) chmodSync(file, mode);
  const user = process.geteuid?.() ?? 0;
  return siteWarnings(loadServiceConfig(path), user).map((line) => line.replaceAll(directory, 'DIR'));
}

describe('the warnings of a valid configuration', () => {
  it('name a missing source, and no more', () => {
    expect(warnings({})).toEqual(['the source of 1 job is out of reach: a']);
  });

  it('name a missing base directory, and that there are no jobs', () => {
    expect(warnings({ text: '', hasBase: false })).toEqual([
      'there are no jobs: nothing will be backed up',
      'the base directory DIR/base is missing: no job can run, and the service does not make the directory',
    ]);
  });

  it('name each file that others may write', () => {
    expect(warnings({ mode: 0o666 }).filter((line) => line.includes('decides'))).toEqual([
      'DIR/backy.conf decides which programs the service runs, but every user may write to it',
      'DIR/more.yml decides which programs the service runs, but every user may write to it',
    ]);
  });

  it('name readable files if there are secrets', () => {
    const readable = (text: string): number =>
      warnings({ text: JOBS + text, mode: 0o644 }).filter((line) => line.includes('is readable')).length;
    expect(readable('')).toBe(0);
    expect(readable('notify: [{type: slack, url: https://hooks.example/x}]')).toBe(2);
    expect(readable('api: {tokens: {clear: me}}')).toBe(2);
  });
});
