import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { explanationIn, runRbd } from '../../../../src/sources/rbd/run-rbd.ts';
import { scratchDirectory } from '../../scratch.ts';

const WEEK_MS = 604_800_000;
/** So that a command has 300 ms: half of them are missing from the minute that it is given on top. */
const NO_PATIENCE_MS = -29_850;

describe('runRbd', () => {
  const path = process.env.PATH;

  beforeEach(() => {
    process.env.PATH = `${scratchDirectory()}:${path}`;
  });
  afterEach(() => {
    process.env.PATH = path;
  });

  /** Makes rbd a shell script. */
  function rbdIs(script: string): void {
    const [directory = ''] = process.env.PATH?.split(':') ?? [];
    writeFileSync(join(directory, 'rbd'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  it('waits as long as requested', async () => {
    rbdIs('sleep 0.2; echo done');
    expect(await runRbd([], 2 * WEEK_MS)).toMatchObject({ exitCode: 0, stdout: 'done\n' });
  });

  it('protects the command from interruptions at the terminal', async () => {
    rbdIs('echo $$; cut -d " " -f 5 /proc/$$/stat');
    const [pid, group] = (await runRbd([], WEEK_MS)).stdout.split('\n');
    expect(group).toBe(pid);
  });

  it('kills a command that does not end, with its children', async () => {
    rbdIs('sleep 1000');
    await expect(runRbd(['info'], NO_PATIENCE_MS)).rejects.toMatchObject({ code: 'BACKY_TOOL_FAILED' });
  });
});

describe('explanationIn', () => {
  const library =
    '2026-11-27T22:17:14.300+0000 7f2289e026c0 -1 librbd::ImageState: failed to open image: (1)';
  it.each([
    [`${library}\n\nrbd: error opening image x: (1) Operation not permitted\n`],
    [`Exporting image: 5% complete...rbd: error opening image x: (1) Operation not permitted\n`],
    [`rbd: error opening image x: (1) Operation not permitted${library}\n`],
    [`${library} rbd: error opening image x: (1) Operation not permitted\r${library}`],
  ])('separates the messages of several threads: %j', (complaints) => {
    expect(explanationIn(complaints)).toBe('error opening image x: (1) Operation not permitted');
  });

  it('takes the last line if the program itself has no message', () => {
    expect(explanationIn(`first\n${library}\n`)).toBe(library);
    expect(explanationIn('')).toBe('it said nothing');
  });
});
