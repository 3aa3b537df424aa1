import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectSameBytes, KIB, MIB, randomBytes, writeAt } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository } from '../helpers/repository.ts';

const DISK_BYTES = 8 * MIB;

/** The ways in which a disk gets into its directory, and whether btrfs writes files there in place. */
const disks = [
  { disk: 'written in place', inPlace: true, moved: false },
  { disk: 'moved to where files are written in place', inPlace: true, moved: true },
  { disk: 'an ordinary one', inPlace: false, moved: false },
] as const;

describeWith(
  [...needsOf('btrfs', 'xfs'), 'command chattr', 'command lsattr'],
  'btrfs without checksums',
  () => {
    const btrfs = useFilesystem('btrfs');
    const xfs = useFilesystem('xfs');

    /** A new directory, whose new files are written in place if that is wanted. */
    async function directoryIn(parent: string, name: string, inPlace: boolean): Promise<string> {
      const directory = join(parent, name);
      mkdirSync(directory);
      if (inPlace) await mustRun('chattr', ['+C', directory]);
      return directory;
    }

    async function diskIn(scratch: string, { inPlace, moved }: (typeof disks)[number]): Promise<string> {
      const disk = join(await directoryIn(scratch, 'disks', inPlace), 'disk.img');
      const made = moved ? join(scratch, 'elsewhere.img') : disk;
      writeFileSync(made, randomBytes(DISK_BYTES));
      renameSync(made, disk);
      return disk;
    }

    async function isInPlace(path: string): Promise<boolean> {
      return (await mustRun('lsattr', [path])).split(' ')[0]?.includes('C') ?? false;
    }

    const places = [true, false].flatMap((inPlace) =>
      disks.map((disk) => ({
        ...disk,
        repository: inPlace ? 'where files are written in place' : 'an ordinary one',
        repositoryInPlace: inPlace,
      })),
    );

    it.each(places)(
      'shares the blocks of the disk with every image. Disk: $disk; repository: $repository',
      async (place) => {
        const scratch = btrfs.scratch();
        const source = await diskIn(scratch, place);
        const parent = await directoryIn(scratch, 'backup', place.repositoryInPlace);
        const repository = await createRepository(join(parent, 'repository'), source);
        const revisions = [];
        for (let round = 0; round < 4; round += 1) {
          const before = await mustRun('sha256sum', [source]);
          const { uuid, stats } = await repository.backup();
          const method = round === 0 ? 'full' : 'clone';
          expect(stats).toMatchObject({ method, sharing: 'reflink', bytesWritten: 0 });
          await expectSameBytes(repository.path(uuid), source);
          revisions.push({ image: repository.path(uuid), before });
          // Twice in the same place: the first write goes elsewhere, the second one may be in place.
          for (const at of [5 * KIB, 5 * KIB, 3 * MIB + round * 64 * KIB]) {
            writeAt(source, at, randomBytes(20 * KIB));
            await mustRun('sync', [source]);
          }
        }
        for (const { image, before } of revisions) {
          expect((await mustRun('sha256sum', [image])).split(' ')[0]).toBe(before.split(' ')[0]);
          expect(await isInPlace(image)).toBe(await isInPlace(source));
        }
        expect(await repository.verify()).toMatchObject({ good: true });
      },
    );

    it.each(disks)(
      'finds by the extents what changed in a disk, and only that. Disk: $disk',
      async (place) => {
        const source = await diskIn(btrfs.scratch(), place);
        const repository = await createRepository(join(xfs.scratch(), 'repository'), source);
        await repository.backup();
        for (let round = 0; round < 4; round += 1) {
          for (const at of [MIB, MIB, 5 * MIB + round * 256 * KIB]) {
            writeAt(source, at, randomBytes(4 * KIB));
            await mustRun('sync', [source]);
          }
          const { uuid, stats } = await repository.backup();
          expect(stats).toMatchObject({ method: 'extent-map', bytesChanged: 512 * KIB });
          expect(stats).not.toHaveProperty('fallback');
          expect(stats.bytesRead).toBeLessThan(DISK_BYTES / 2);
          await expectSameBytes(repository.path(uuid), source);
        }
      },
    );

    it('clones a revision to where files are written in place, and back', async () => {
      const scratch = btrfs.scratch();
      for (const inPlace of [true, false]) {
        const home = await directoryIn(scratch, `repository-${inPlace}`, inPlace);
        const repository = await createRepository(join(home, 'repository'), await diskIn(home, disks[2]));
        await repository.backup();
        const target = join(await directoryIn(scratch, `target-${inPlace}`, !inPlace), 'target');
        expect(await repository.backy('restore', '--clone', target)).toMatchObject({ exitCode: 0 });
        await expectSameBytes(target, repository.source);
      }
    });
  },
);
