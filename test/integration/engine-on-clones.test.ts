import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { run } from '../helpers/command.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

for (const type of ['btrfs', 'xfs'] as const) {
  describeWith([...needsOf(type), 'command cargo'], `the engine on ${type}`, () => {
    const filesystem = useFilesystem(type, 1024);

    it('equals its model when revisions are clones', async () => {
      const args = ['test', '--quiet', '-p', 'backy-core', '--test', 'round_trip'];

      const { exitCode, stdout, stderr } = await run('cargo', args, {
        cwd: checkout,
        env: { TMPDIR: filesystem.scratch() },
      });

      expect(exitCode, stdout + stderr).toBe(0);
      expect(stdout).toMatch(/test result: ok\. [1-9]\d* passed; 0 failed/);
    });
  });
}
