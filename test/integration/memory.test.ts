import { join } from 'node:path';
import { expect, it } from 'vitest';
import { KIB, MIB, makeSparseFile, randomBytes, readAt, writeAt } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { peakKib } from '../helpers/peak-memory.ts';
import { createRepository } from '../helpers/repository.ts';

const tebibyte = 1024 * 1024 * MIB;
const sizeBytes = 4 * tebibyte;
const dataOffsets = [0, 1.5 * tebibyte, 3 * tebibyte + 12_288, sizeBytes - MIB];
const mostKib = 128 * KIB;

describeWith(needsOf('xfs'), 'memory', () => {
  const filesystem = useFilesystem('xfs', 1024);

  it('of 128 MiB is enough for a sparse disk of 4 TiB', async () => {
    const scratch = filesystem.scratch();
    const source = join(scratch, 'disk.img');
    makeSparseFile(source, sizeBytes);
    for (const offset of dataOffsets) writeAt(source, offset, randomBytes(MIB));
    const repository = await createRepository(join(scratch, 'repository'), source);
    const measure = (...args: readonly string[]): Promise<number> => peakKib(repository.directory, args);

    expect(await measure('backup')).toBeLessThanOrEqual(mostKib);
    writeAt(source, dataOffsets[1] ?? 0, randomBytes(4 * KIB));
    expect(await measure('backup', 'manual:again')).toBeLessThanOrEqual(mostKib);
    expect(await measure('verify')).toBeLessThanOrEqual(mostKib);

    const { revisions } = await repository.status();
    expect(revisions).toMatchObject([
      { size: sizeBytes, trust: 'verified', stats: { method: 'full', bytesChanged: 4 * MIB + 256 * KIB } },
      { size: sizeBytes, trust: 'verified', stats: { method: 'clone', bytesChanged: 256 * KIB } },
    ]);
    for (const offset of dataOffsets)
      expect(readAt(repository.path('last'), offset, MIB).equals(readAt(source, offset, MIB))).toBe(true);
  });

  it('of 128 MiB is enough for a disk that has more data than that', async () => {
    const scratch = filesystem.scratch();
    const source = join(scratch, 'disk.img');
    await mustRun('dd', ['if=/dev/urandom', `of=${source}`, 'bs=1M', 'count=192', 'status=none']);
    const repository = await createRepository(join(scratch, 'repository'), source);

    for (const args of [['backup'], ['restore', join(scratch, 'target')]])
      expect(await peakKib(repository.directory, args)).toBeLessThanOrEqual(mostKib);
  });
});
