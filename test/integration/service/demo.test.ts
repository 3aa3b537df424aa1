import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run } from '../../helpers/command.ts';
import { scratchForTest } from '../../helpers/scratch.ts';

const DEMO = fileURLToPath(new URL('../../../demo/service.sh', import.meta.url));

describe('the demonstration of the service', () => {
  it('finds the missing disk, backs it up in the end, and leaves nothing but a screenshot', async () => {
    const scratch = scratchForTest();
    const shot = join(scratch, 'page.png');
    const { exitCode, stdout, stderr } = await run('env', [`TMPDIR=${scratch}`, 'bash', DEMO, shot]);
    expect(stderr.toString()).toBe('');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('29 of 30 jobs backed up');
    expect(stdout).toMatch(/^WARNING: vm07: /m);
    expect(stdout).toContain('srv/vm07/last equals the disk.');
    expect(stdout).toContain(existsSync(shot) ? `${shot} shows it.` : 'There is no Chromium here');
    expect(readdirSync(scratch).filter((name) => name !== 'page.png')).toEqual([]);
  }, 120_000);
});
