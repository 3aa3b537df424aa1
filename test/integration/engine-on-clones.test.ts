import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { mustRun, run } from '../helpers/command.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** A filesystem, and what is done to a directory on it before anything is written there. */
const places = [
  { type: 'btrfs', name: 'btrfs' },
  { type: 'xfs', name: 'XFS' },
  {
    type: 'btrfs',
    name: 'btrfs that compresses',
    prepare: ['btrfs', 'property', 'set', '$', 'compression', 'zstd'],
  },
  { type: 'btrfs', name: 'files that btrfs writes in place', prepare: ['chattr', '+C', '$'] },
] as const;

for (const { type, name, ...place } of places) {
  describeWith([...needsOf(type), 'command cargo'], `the engine on ${name}`, () => {
    const filesystem = useFilesystem(type, 1024);

    it.each(['round_trip', 'narrowed', 'stream', 'verify_series'])(
      'equals its models when revisions are clones: %s',
      async (test) => {
        const directory = filesystem.scratch();
        const [command, ...args] = 'prepare' in place ? place.prepare : ['true'];
        await mustRun(
          command ?? 'true',
          args.map((arg) => (arg === '$' ? directory : arg)),
        );

        const { exitCode, stdout, stderr } = await run(
          'cargo',
          ['test', '--quiet', '-p', 'backy-core', '--test', test],
          {
            cwd: checkout,
            env: { TMPDIR: directory },
          },
        );

        expect(exitCode, stdout + stderr).toBe(0);
        expect(stdout).toMatch(/test result: ok\. [1-9]\d* passed; 0 failed/);
      },
    );
  });
}
