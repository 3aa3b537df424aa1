import { copyFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectSameBytes, KIB, MIB, randomBytes, writeAt } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { expectFailure } from '../helpers/failure.ts';
import { type Extent, extentsOf, mappedBytes, ownBytes } from '../helpers/fiemap.ts';
import { changeAsGuest, makeGuestImage } from '../helpers/image.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith, type Need } from '../helpers/needs.ts';
import { createLiveRepository, createRepository, readRecord } from '../helpers/repository.ts';

const granuleBytes = 16 * KIB;
const pageBytes = 4 * KIB;
const filefrag: Need = 'command filefrag';

for (const type of ['btrfs', 'xfs'] as const) {
  describeWith([...needsOf(type), filefrag], `sharing on ${type}`, () => {
    const filesystem = useFilesystem(type);

    it('writes one granule for each page that changed, and shares the rest', async () => {
      const scratch = filesystem.scratch();
      const source = join(scratch, 'disk.img');
      await makeGuestImage(source);
      const repository = await createLiveRepository(join(scratch, 'repository'), source);
      const first = await repository.backup();
      expect(first.stats).toMatchObject({ sharing: 'reflink' });
      const pages = [5, 300, 301, 302, 1000, 2000, 3500];
      for (const page of pages) writeAt(source, page * pageBytes, randomBytes(pageBytes));
      const granules = new Set(pages.map((page) => Math.floor((page * pageBytes) / granuleBytes)));

      const second = await repository.backup();

      const cost = granules.size * granuleBytes;
      expect(second.stats).toMatchObject({ sharing: 'reflink', bytesWritten: cost });
      const before = await extentsOf(repository.path(first.uuid));
      const after = await extentsOf(repository.path(second.uuid));
      expect(mappedBytes(after)).toBeGreaterThan(8 * MIB);
      expect(ownBytes(after)).toBe(cost);
      expect([...granules].every((granule) => isOwn(after, granule * granuleBytes))).toBe(true);
      expect(bytesElsewhere(before, after)).toBe(cost);
      await expectSameBytes(repository.path(second.uuid), source);
    });

    it('takes about as much space as the guest changed', async () => {
      const scratch = filesystem.scratch();
      const source = join(scratch, 'disk.img');
      await makeGuestImage(source);
      const repository = await createLiveRepository(join(scratch, 'repository'), source);
      const first = await repository.backup();
      copyFileSync(repository.path(first.uuid), join(scratch, 'before.img'));
      await changeAsGuest(source);
      const freeBefore = await freeBytes(scratch);

      const second = await repository.backup();

      const taken = freeBefore - (await freeBytes(scratch));
      expect(second.stats.bytesWritten).toBeGreaterThan(3 * MIB);
      expect(second.stats.bytesWritten).toBeLessThan(4 * MIB);
      expect(taken).toBeGreaterThan(second.stats.bytesWritten * 0.9);
      expect(taken).toBeLessThan(second.stats.bytesWritten + 1 * MIB);
      await expectSameBytes(repository.path(first.uuid), join(scratch, 'before.img'));
    });

    it('costs next to nothing when nothing changed', async () => {
      const scratch = filesystem.scratch();
      const source = join(scratch, 'disk.img');
      await makeGuestImage(source);
      const repository = await createLiveRepository(join(scratch, 'repository'), source);
      await repository.backup();
      const freeBefore = await freeBytes(scratch);

      const second = await repository.backup();

      expect(second.stats).toMatchObject({ bytesWritten: 0, bytesChanged: 0 });
      expect(ownBytes(await extentsOf(repository.path(second.uuid)))).toBe(0);
      expect(freeBefore - (await freeBytes(scratch))).toBeLessThan(MIB / 2);
    });
  });
}

describeWith([...needsOf('ext4'), filefrag], 'where nothing can be shared', () => {
  const filesystem = useFilesystem('ext4');

  it('says so in the record and on standard error, and writes whole images', async () => {
    const scratch = filesystem.scratch();
    const source = join(scratch, 'disk.img');
    await makeGuestImage(source);
    const repository = await createLiveRepository(join(scratch, 'repository'), source);
    const first = await repository.backup();

    const { exitCode, stdout, stderr } = await repository.backy('backup', 'manual:again');

    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/ {2}none: ext4 .+\n$/);
    expect(stderr).toMatch(/^backy: warning: revision \S+ shares no blocks with others: ext4 .+\n$/);
    const second = (await repository.status()).revisions[1];
    const image = second?.uuid ?? '';
    expect(readRecord(repository, image).stats).toMatchObject({
      sharing: 'none',
      sharingReason: expect.stringContaining('ext4'),
      bytesWritten: first.stats.bytesWritten,
    });
    const extents = await extentsOf(repository.path(image));
    expect(ownBytes(extents)).toBe(mappedBytes(extents));
    await expectSameBytes(repository.path(image), source);
  });

  it('refuses when sharing is required, and leaves nothing behind', async () => {
    const scratch = filesystem.scratch();
    const source = join(scratch, 'disk.img');
    await makeGuestImage(source);
    const repository = await createRepository(join(scratch, 'repository'), source, '--require-reflink');

    await expectFailure(repository.backy, ['backup'], {
      code: 'BACKY_REFLINK_UNSUPPORTED',
      says: [repository.directory, 'ext4', 'require-reflink'],
    });

    expect(repository.revisionFiles()).toEqual([]);
  });
});

/** Bytes that an ordinary user may still write, once everything is on the disk. */
async function freeBytes(directory: string): Promise<number> {
  await mustRun('sync', ['--file-system', directory]);
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

function isOwn(extents: readonly Extent[], offset: number): boolean {
  return extents.some((extent) => !extent.shared && contains(extent, offset));
}

/** Bytes of `after`, in granules, that do not lie on the disk where they lay in `before`. */
function bytesElsewhere(before: readonly Extent[], after: readonly Extent[]): number {
  const end = Math.max(...after.map(({ offset, length }) => offset + length));
  let elsewhere = 0;
  for (let offset = 0; offset < end; offset += granuleBytes) {
    if (placeOf(before, offset) !== placeOf(after, offset)) elsewhere += granuleBytes;
  }
  return elsewhere;
}

/** Returns the offset of a byte on the disk; undefined in a hole. */
function placeOf(extents: readonly Extent[], offset: number): number | undefined {
  const extent = extents.find((candidate) => contains(candidate, offset));
  return extent && extent.physical + offset - extent.offset;
}

function contains({ offset, length }: Extent, at: number): boolean {
  return at >= offset && at < offset + length;
}
