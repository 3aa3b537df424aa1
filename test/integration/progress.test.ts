import { closeSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { OperationOptions, Progress } from '../../src/index.ts';
import { openRepository } from '../../src/index.ts';
import { MIB, randomBytes } from '../helpers/bytes.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository } from '../helpers/repository.ts';

/** Slow enough for several reports. */
const RATE = 24 * MIB;

describeWith(needsOf('xfs', 'ext4'), 'progress', () => {
  const filesystems = { xfs: useFilesystem('xfs'), ext4: useFilesystem('ext4') };

  it.each(['xfs', 'ext4'] as const)(
    'announces the whole work first and never goes back on %s',
    async (type) => {
      const scratch = filesystems[type].scratch();
      const source = join(scratch, 'disk.img');
      const target = join(scratch, 'target');
      writeFileSync(source, randomBytes(12 * MIB));
      const { directory } = await createRepository(join(scratch, 'repository'), source);
      const repository = await openRepository(directory);
      const works: readonly (readonly [string, (options: OperationOptions) => Promise<unknown>])[] = [
        ['the first backup', (options) => repository.backup({ ...options, tags: ['manual:first'] })],
        ['the second backup', (options) => repository.backup({ ...options, tags: ['manual:second'] })],
        ['a restore to a new file', (options) => repository.restore({ ...options, target })],
        ['a restore to a file that differs', (options) => repository.restore({ ...options, target })],
        ['a verification of all revisions', (options) => repository.verify(options)],
      ];
      for (const [name, work] of works) {
        const seen: Progress[] = [];
        await work({ rate: RATE, onProgress: (progress) => void seen.push({ ...progress }) });
        expect(new Set(seen.map(({ total }) => total)).size, `${name}: ${JSON.stringify(seen)}`).toBe(1);
        expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).sort((a, b) => a - b));
        expect(seen.at(-1)).toMatchObject({ done: seen[0]?.total });
        change(source, name);
        change(target, name);
      }
      rmSync(target);
    },
  );
});

/** Overwrites the first half, once the file is there. */
function change(path: string, name: string): void {
  if (!name.includes('restore') && path.endsWith('target')) return;
  const file = openSync(path, 'r+');
  writeSync(file, randomBytes(6 * MIB), 0, 6 * MIB, 0);
  closeSync(file);
}
