import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type RunOptions, runProgram } from '../../../src/sources/run-program.ts';
import { scratchDirectory } from '../scratch.ts';

const SHELL = { tool: 'sh', package: 'dash' };

function run(script: string, options: Partial<RunOptions> = {}): ReturnType<typeof runProgram> {
  const defaults = { env: process.env, limitMs: 60_000, atLimit: 'kill', take: () => {} } as const;
  return runProgram(SHELL, ['-c', script], { ...defaults, ...options });
}

/** Zombies have ended. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return /^[^Z\s]/.test(stdout);
}

describe('an outside program', () => {
  it('is killed with its children when the signal is aborted', async () => {
    const cancel = new AbortController();
    const pids: number[] = [];
    const take = (text: string): void => {
      pids.push(...text.trim().split('\n').map(Number));
      cancel.abort();
    };
    const running = run('sleep 1000 & echo "$$\n$!"; wait', { take, signal: cancel.signal });
    await expect(running).rejects.toMatchObject({ code: 'BACKY_CANCELLED' });
    expect(pids).toHaveLength(2);
    expect(pids.filter(isRunning)).toEqual([]);
  });

  it('is not started when the signal was aborted before', async () => {
    const file = join(scratchDirectory(), 'started');
    const running = run(`touch ${file}`, { signal: AbortSignal.abort() });
    await expect(running).rejects.toMatchObject({ code: 'BACKY_CANCELLED' });
    expect(existsSync(file)).toBe(false);
  });

  it('goes on in the background beyond its time limit when it must not be killed', async () => {
    const { pid = 0, status } = await run('sleep 1000', { limitMs: 50, atLimit: 'leave' });
    expect(status).toBe('limit');
    expect(isRunning(pid)).toBe(true);
    process.kill(-pid, 'SIGKILL');
  });

  it('is killed at its time limit otherwise', async () => {
    const { pid = 0, status } = await run('sleep 1000', { limitMs: 50 });
    expect(status).toBe('SIGKILL');
    expect(isRunning(pid)).toBe(false);
  });

  it('keeps its environment and gets the C locale', async () => {
    const texts: string[] = [];
    await run('echo "$LC_ALL $OTHER"', { env: { OTHER: 'kept' }, take: (text) => texts.push(text) });
    expect(texts.join('')).toBe('C kept\n');
  });

  it('may complain without end: the beginning and the end are kept', async () => {
    const { status, complaint } = await run(
      'echo first >&2; yes | head -c 500000 >&2; echo last >&2; exit 3',
    );
    expect(status).toBe(3);
    expect(complaint).toMatch(/^first\ny\n[y\n]*y\nlast\n$/);
    expect(complaint.length).toBeLessThan(20_000);
  });

  it('is named with its package when it is missing', async () => {
    const missing = runProgram({ tool: 'no-such-tool', package: 'tools' }, [], {
      env: process.env,
      limitMs: 1000,
      atLimit: 'kill',
      take: () => {},
    });
    await expect(missing).rejects.toMatchObject({
      code: 'BACKY_TOOL_MISSING',
      details: { tool: 'no-such-tool', package: 'tools' },
    });
  });
});
