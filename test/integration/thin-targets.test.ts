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
import { attachDevice } from '../helpers/loop-device.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository } from '../helpers/repository.ts';

describeWith(needsOf('xfs'), 'a block device that has space for what is written to it only', () => {
  const filesystem = useFilesystem('xfs');

  it.each([
    { sectors: 'sectors of 512 bytes', size: 48 * MIB, options: [] },
    { sectors: 'sectors of 4096 bytes', size: 48 * MIB, options: ['--sector-size', '4096'] },
    { sectors: 'an image that ends within a sector', size: 48 * MIB - 1000, options: [] },
  ])('gets discards instead of zeros, and frees its old blocks: $sectors', async ({ size, options }) => {
    const scratch = filesystem.scratch();
    const source = join(scratch, 'source');
    makeSparseFile(source, size);
    writeAt(source, 20 * KIB, randomBytes(100 * KIB));
    writeAt(source, 33 * MIB, randomBytes(2 * MIB));
    const repository = await createRepository(join(scratch, 'repository'), source);
    await repository.backup();
    const disk = join(scratch, 'disk');
    makeSparseFile(disk, 48 * MIB);
    writeAt(disk, 0, randomBytes(48 * MIB));
    const device = await attachDevice(disk, ...options);
    // Also where the page cache has the old bytes.
    await mustRun('cat', [device]);

    expect(await repository.backy('restore', device)).toMatchObject({ exitCode: 0 });

    await mustRun('cmp', [`--bytes=${size}`, source, device]);
    await mustRun('blockdev', ['--flushbufs', device]);
    await mustRun('cmp', [`--bytes=${size}`, source, disk]);
    expect(allocatedBytes(disk)).toBeLessThanOrEqual(allocatedBytes(source) + 300 * KIB);
    await expectSameBytes(repository.path('last'), source);
  });
});
