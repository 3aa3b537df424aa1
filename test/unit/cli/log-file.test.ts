import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLogWriter } from '../../../src/cli/log-file.ts';
import { scratchDirectory } from '../scratch.ts';

const NOW = new Date('2026-01-02T03:04:05.006Z');

function paths(directory: string) {
  return { log: join(directory, 'backy.log'), config: join(directory, 'config') };
}

describe('the log', () => {
  it('has one line for one event, and is private', () => {
    const layout = paths(scratchDirectory());
    writeFileSync(layout.config, '');
    const write = createLogWriter(layout);
    expect(write('info', 'sealed', NOW)).toBeUndefined();
    expect(write('warning', 'two\nlines', NOW)).toBeUndefined();
    expect(readFileSync(layout.log, 'utf8')).toBe(
      '2026-01-02T03:04:05.006Z info    sealed\n2026-01-02T03:04:05.006Z warning two\\nlines\n',
    );
    expect(statSync(layout.log).mode & 0o777).toBe(0o600);
  });

  it('is not begun in a directory that is no repository', () => {
    const layout = paths(scratchDirectory());
    expect(createLogWriter(layout)('info', 'x', NOW)).toBeUndefined();
    expect(() => statSync(layout.log)).toThrow('ENOENT');
  });

  it('follows no link planted in the repository, and says why there is no log (F16)', () => {
    const layout = paths(scratchDirectory());
    writeFileSync(layout.config, 'untouched');
    symlinkSync(layout.config, layout.log);
    expect(createLogWriter(layout)('info', 'x', NOW)).toMatch(/cannot be written: ELOOP/);
    expect(readFileSync(layout.config, 'utf8')).toBe('untouched');
  });

  it('waits for no pipe planted in the repository', () => {
    const layout = paths(scratchDirectory());
    writeFileSync(layout.config, '');
    execFileSync('mkfifo', [layout.log]);
    expect(createLogWriter(layout)('info', 'x', NOW)).toMatch(/cannot be written: ENXIO/);
  });
});
