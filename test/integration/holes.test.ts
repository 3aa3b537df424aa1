import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  allocatedBytes,
  expectSameBytes,
  KIB,
  MIB,
  makeSparseFile,
  randomBytes,
  writeAt,
} from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { type FilesystemType, needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createLiveRepository, type TestRepository } from '../helpers/repository.ts';

const types: readonly FilesystemType[] = ['btrfs', 'xfs', 'ext4'];
/** Extent trees and the like, which some filesystems count among the blocks of a file. */
const metadataBytes = 64 * KIB;

for (const type of types) {
  describeWith(needsOf(type), `holes on ${type}`, () => {
    const filesystem = useFilesystem(type);

    it('keeps the holes of a sparse source, and its zeros become holes', async () => {
      const repository = await sparseRepository(filesystem.scratch());
      writeAt(repository.source, 40 * MIB, Buffer.alloc(4 * MIB));
      expect(allocatedBytes(repository.source)).toBeGreaterThanOrEqual(6 * MIB);

      const { uuid, stats } = await repository.backup();

      expect(stats).toMatchObject({ bytesWritten: 2 * MIB, bytesZero: 62 * MIB });
      expectAllocated(repository.path(uuid), 2 * MIB);
      await expectSameBytes(repository.path(uuid), repository.source);
    });

    it('frees ranges that the guest discarded or overwrote with zeros', async () => {
      const repository = await sparseRepository(filesystem.scratch());
      const first = await repository.backup();
      const discard = ['--punch-hole', '--offset', String(8 * MIB), '--length', String(512 * KIB)];
      await mustRun('fallocate', [...discard, repository.source]);
      writeAt(repository.source, 50 * MIB, Buffer.alloc(256 * KIB));

      const second = await repository.backup();

      const leftBytes = 2 * MIB - 768 * KIB;
      expect(second.stats.bytesWritten).toBe(second.stats.sharing === 'reflink' ? 0 : leftBytes);
      expectAllocated(repository.path(second.uuid), leftBytes);
      expectAllocated(repository.path(first.uuid), 2 * MIB);
      await expectSameBytes(repository.path(second.uuid), repository.source);
    });

    it('restores holes as holes, and writes zeros over old data of a target', async () => {
      const scratch = filesystem.scratch();
      const repository = await sparseRepository(scratch);
      await repository.backup();
      const [fresh, existing] = [join(scratch, 'fresh'), join(scratch, 'existing')];
      makeSparseFile(existing, 70 * MIB);
      writeAt(existing, 20 * MIB, randomBytes(3 * MIB));

      for (const target of [fresh, existing]) {
        expect(await repository.backy('restore', target)).toMatchObject({ exitCode: 0 });
        await expectSameBytes(target, repository.source);
        expectAllocated(target, 2 * MIB);
      }
    });

    it('takes an index that is as sparse as the image', async () => {
      const scratch = filesystem.scratch();
      const source = join(scratch, 'disk.img');
      makeSparseFile(source, 256 * 1024 * MIB);
      writeAt(source, 100 * 1024 * MIB, randomBytes(MIB));
      const repository = await createLiveRepository(join(scratch, 'repository'), source);

      const { uuid } = await repository.backup();

      expectAllocated(repository.path(uuid), MIB);
      expect(allocatedBytes(repository.path(`${uuid}.hashes`))).toBeLessThanOrEqual(2 * metadataBytes);
    });
  });
}

/** The repository of a disk of 64 MiB with 1 MiB of data at 8 MiB and another at 50 MiB. */
function sparseRepository(scratch: string): Promise<TestRepository> {
  const source = join(scratch, 'disk.img');
  makeSparseFile(source, 64 * MIB);
  for (const offset of [8 * MIB, 50 * MIB]) writeAt(source, offset, randomBytes(MIB));
  return createLiveRepository(join(scratch, 'repository'), source);
}

function expectAllocated(path: string, dataBytes: number): void {
  expect(allocatedBytes(path)).toBeGreaterThanOrEqual(dataBytes);
  expect(allocatedBytes(path)).toBeLessThanOrEqual(dataBytes + metadataBytes);
}
