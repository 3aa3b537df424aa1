import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { prepareRepository } from '../../../src/service/config/prepare-repository.ts';
import type { JobConfig } from '../../../src/service/model/service-config.ts';
import { scratchDirectory } from '../scratch.ts';

function jobIn(directory: string): JobConfig {
  return {
    name: 'web1',
    directory,
    source: { type: 'file', filename: '/images/web1.img' },
    scheduleName: 'default',
    schedule: new Map([['daily', { intervalMs: 86_400_000, keep: 9 }]]),
    sla: new Map(),
    hooks: {},
    graceMs: 86_400_000,
    requireReflink: false,
  };
}

describe('the repository of a job', () => {
  it('is made for its owner alone, once', async () => {
    const directory = join(scratchDirectory(), 'web1');
    expect(await prepareRepository(jobIn(directory))).toBe(true);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'config')).mode & 0o777).toBe(0o600);
    expect(await prepareRepository(jobIn(directory))).toBe(false);
  });

  it('is not made without its base directory', async () => {
    const base = join(scratchDirectory(), 'gone');
    await expect(prepareRepository(jobIn(join(base, 'web1')))).rejects.toMatchObject({ code: 'BACKY_IO' });
    expect(existsSync(base)).toBe(false);
  });

  it('is not made of a directory that holds files of somebody else', async () => {
    const directory = scratchDirectory();
    writeFileSync(join(directory, 'letters.txt'), 'mine');
    await expect(prepareRepository(jobIn(directory))).rejects.toMatchObject({
      code: 'BACKY_DIRECTORY_OCCUPIED',
      message: expect.stringContaining('letters.txt'),
    });
    expect(readdirSync(directory)).toEqual(['letters.txt']);
  });

  it.each([
    'source: {type: file, filename: /x, backend: chunked}\nschedule: {}\n',
    'type: file\nfilename: /x\nbackend: chunked\n',
  ])('keeps the configuration of a repository with chunks: %j', async (text) => {
    const directory = scratchDirectory();
    writeFileSync(join(directory, 'config'), text);
    await expect(prepareRepository(jobIn(directory))).rejects.toMatchObject({
      code: 'BACKY_CHUNKED_REPOSITORY',
    });
    expect(readFileSync(join(directory, 'config'), 'utf8')).toBe(text);
  });

  it('knows a repository with chunks by its store', async () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, 'chunks'));
    writeFileSync(join(directory, 'chunks/store'), 'v2');
    await expect(prepareRepository(jobIn(directory))).rejects.toMatchObject({
      code: 'BACKY_CHUNKED_REPOSITORY',
    });
    expect(readdirSync(directory)).toEqual(['chunks']);
  });

  it('does not wait for a pipe in the place of its configuration', async () => {
    const directory = scratchDirectory();
    execFileSync('mkfifo', [join(directory, 'config')]);
    await expect(prepareRepository(jobIn(directory))).rejects.toMatchObject({ code: 'BACKY_FILE_UNFIT' });
  });

  it('takes over a repository of the Python backy, and one whose configuration is broken', async () => {
    for (const text of ['source: {type: file, filename: /y, cow: true}\nschedule: {}\n', 'source: [']) {
      const directory = scratchDirectory();
      writeFileSync(join(directory, 'config'), text);
      expect(await prepareRepository(jobIn(directory))).toBe(true);
      expect(readFileSync(join(directory, 'config'), 'utf8')).toContain('/images/web1.img');
    }
  });
});
