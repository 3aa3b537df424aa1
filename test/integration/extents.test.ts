import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { RevisionRecord } from '../../src/domain/revision.ts';
import { expectSameBytes, KIB, MIB, randomBytes, writeAt } from '../helpers/bytes.ts';
import { extentsOf, mappedBytes } from '../helpers/fiemap.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createLiveRepository, createRepository, type TestRepository } from '../helpers/repository.ts';

const pageBytes = 4 * KIB;
const granuleBytes = 16 * KIB;
const largeGranuleBytes = 64 * KIB;
const blockBytes = 256 * KIB;
const blocks = 256;
/** Bytes that one revision may write to defragment blocks: a twentieth of the data. */
const mendedBlocks = Math.floor(blocks / 20);

for (const type of ['btrfs', 'xfs'] as const) {
  describeWith([...needsOf(type), 'command filefrag'], `images in many pieces on ${type}`, () => {
    const filesystem = useFilesystem(type, 1024);

    it('are written in larger granules, and blocks that change are mended', async () => {
      const repository = await shreddedRepository(filesystem.scratch());

      changePages(repository, [blockBytes]);
      const mended = await repository.backup();

      // Its granule of zeros stays a hole.
      expect(mended.stats.bytesWritten).toBe(blockBytes - granuleBytes);
      const before = await newestExtents(repository, 1);
      const after = await newestExtents(repository);
      expect(after.length).toBeLessThan(before.length - 1);
      expect(mappedBytes(after)).toBe(mappedBytes(before));
      await expectSameBytes(repository.path(mended.uuid), repository.source);

      changePages(repository, [blockBytes + 2 * largeGranuleBytes]);
      const { uuid, stats } = await repository.backup();

      expect(stats.bytesWritten).toBe(largeGranuleBytes);
      await expectSameBytes(repository.path(uuid), repository.source);
    });

    it('are mended little by little when everything changes', async () => {
      const repository = await shreddedRepository(filesystem.scratch());
      const first = (await newestExtents(repository)).length;
      const everywhere = Array.from({ length: blocks }, (_, block) => block * blockBytes);

      changePages(repository, everywhere);
      const { uuid, stats } = await repository.backup();

      const most = blocks * largeGranuleBytes + mendedBlocks * (blockBytes - largeGranuleBytes);
      expect(stats.bytesWritten).toBeLessThanOrEqual(most);
      expect(stats.bytesWritten).toBeGreaterThan(most - MIB);
      const second = (await newestExtents(repository)).length;
      expect(second).toBeLessThan(first - mendedBlocks);
      await expectSameBytes(repository.path(uuid), repository.source);

      changePages(repository, everywhere);
      await repository.backup();
      expect((await newestExtents(repository)).length).toBeLessThan(second - mendedBlocks);
    });

    it('are counted in the record, and shown by status and doctor', async () => {
      const repository = await shreddedRepository(filesystem.scratch());

      const { revisions, summary } = await repository.status();

      const [whole, shredded] = revisions.map(({ stats }) => stats.extents ?? 0);
      expect(whole).toBeGreaterThan(0);
      expect(whole).toBeLessThan(blocks / 4);
      expect(shredded).toBeGreaterThan(4 * blocks);
      expect(summary.newestImage?.extents).toBe(shredded);
      const shown = /(\d,\d{3}) extents \(\d\d,\d{3} per GiB\)/;
      expect((await repository.backy('status')).stdout).toMatch(shown);
      const { exitCode, stdout } = await repository.backy('doctor');
      expect(exitCode).toBe(0);
      expect(stdout).toMatch(new RegExp(`^newest image +${shown.source}`, 'm'));
      // Too few to be worth a word of warning.
      expect(stdout).toMatch(/^ready: /m);
    });

    it('are counted when they are clones, too, where nothing is written', async () => {
      const scratch = filesystem.scratch();
      const source = join(scratch, 'disk.img');
      writeFileSync(source, randomBytes(MIB));
      const repository = await createRepository(join(scratch, 'repository'), source);

      const { uuid, stats } = await repository.backup();

      expect(stats.method).toBe('full');
      expect(stats.extents).toBe((await extentsOf(repository.path(uuid))).length);
    });
  });
}

/** A repository whose newest image has five pieces in each block, and a granule of zeros. */
async function shreddedRepository(scratch: string): Promise<TestRepository> {
  const source = join(scratch, 'disk.img');
  writeFileSync(source, randomBytes(blocks * blockBytes));
  const repository = await createLiveRepository(join(scratch, 'repository'), source);
  await repository.backup();
  const starts = Array.from({ length: blocks }, (_, block) => block * blockBytes);
  changePages(
    repository,
    starts.flatMap((start) => [start + 2 * granuleBytes, start + 10 * granuleBytes]),
  );
  for (const start of starts) writeAt(source, start + 6 * granuleBytes, Buffer.alloc(granuleBytes));
  const { stats }: RevisionRecord = await repository.backup();
  // The image that it was cloned from was in one piece, so the granules were small.
  expect(stats.bytesWritten).toBe(2 * blocks * granuleBytes);
  return repository;
}

function changePages({ source }: TestRepository, offsets: readonly number[]): void {
  for (const offset of offsets) writeAt(source, offset, randomBytes(pageBytes));
}

/** The extents of the newest image, or of one that is older by so many. */
async function newestExtents(repository: TestRepository, age = 0) {
  const { revisions } = await repository.status();
  return extentsOf(repository.path(revisions.at(-1 - age)?.uuid ?? ''));
}
