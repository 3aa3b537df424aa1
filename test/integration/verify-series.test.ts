import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { initRepository } from '../../src/index.ts';
import { KIB, MIB, randomBytes, readAt, writeAt } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { rotOnDisk } from '../helpers/rot.ts';
import { scratchForTest } from '../helpers/scratch.ts';

const REVISIONS = 12;
const SIZE = 8 * MIB;
const BLOCK = 256 * KIB;

for (const type of ['xfs', 'btrfs'] as const) {
  describeWith(needsOf(type), `verifying many revisions on ${type}`, () => {
    const filesystem = useFilesystem(type);

    /** Revisions of which each has one block of its own, and shares all others with the one before. */
    async function manyRevisions() {
      const source = join(scratchForTest(), 'disk.img');
      writeFileSync(source, randomBytes(SIZE));
      const repository = await initRepository(join(filesystem.scratch(), 'repository'), {
        type: 'file',
        filename: source,
      });
      const uuids: string[] = [];
      for (let number = 0; number < REVISIONS; number += 1) {
        if (number > 0) writeAt(source, number * BLOCK, randomBytes(BLOCK));
        const result = await repository.backup({ tags: [`manual:${number}`] });
        uuids.push(result?.record.uuid ?? '');
      }
      const images = await Promise.all(uuids.map((uuid) => repository.find(uuid)));
      return { source, repository, uuids, images };
    }

    it('reads each place of the disk once', async () => {
      const { repository } = await manyRevisions();

      const { good, verdicts } = await repository.verify();

      expect(good).toBe(true);
      const own = Array.from({ length: REVISIONS - 1 }, () => BLOCK);
      expect(verdicts.map(({ bytesRead }) => bytesRead)).toEqual([SIZE, ...own]);
      expect(verdicts.every(({ bytesRead, bytesShared }) => bytesRead + bytesShared === SIZE)).toBe(true);
    });

    it('charges a bad place to every revision that has it', async () => {
      const { source, repository, images } = await manyRevisions();
      const offset = 20 * BLOCK;
      expect(await rotOnDisk(filesystem, readAt(source, offset, 64), images)).toBe(1);

      const { verdicts } = await repository.verify();

      const [first] = verdicts;
      expect(first?.badBlocks).toMatchObject([{ offset, length: BLOCK }]);
      for (const verdict of verdicts)
        expect(verdict).toMatchObject({ verdict: 'bad', badCount: 1, badBlocks: first?.badBlocks });
      expect(verdicts.at(-1)?.bytesRead).toBe(BLOCK);
    });

    it('reads everything again after extents have moved', async () => {
      const { repository, images, uuids } = await manyRevisions();
      // A copy of the same bytes takes the place of an image in the middle.
      const middle = images[5] ?? '';
      await mustRun('cp', ['--reflink=never', '--preserve=all', middle, `${middle}.copy`]);
      await mustRun('mv', ['--force', `${middle}.copy`, middle]);

      const { good, verdicts } = await repository.verify({ revisions: 'all' });

      expect(good).toBe(true);
      const read = new Map(verdicts.map(({ uuid, bytesRead }) => [uuid, bytesRead]));
      expect([4, 5, 6, 7].map((number) => read.get(uuids[number] ?? ''))).toEqual([BLOCK, SIZE, SIZE, BLOCK]);
    });
  });
}
