import { chmodSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { expectSameBytes, KIB, MIB, randomBytes, writeAt } from '../../helpers/bytes.ts';
import { needsOf, useFilesystem } from '../../helpers/loop-filesystem.ts';
import { describeWith } from '../../helpers/needs.ts';
import { createRepository, type TestRepository } from '../../helpers/repository.ts';

import { recordsOf, snapshotsIn } from './snapshot-files.ts';

const diskBytes = MIB;

describeWith(needsOf('btrfs', 'xfs'), 'a snapshot of an earlier version', () => {
  const filesystems = [useFilesystem('btrfs'), useFilesystem('xfs')] as const;

  it.each([0, 1])('is removed and not compared with, because no record names it (%i)', async (at) => {
    const [sources, repositories] = at === 0 ? filesystems : [filesystems[1], filesystems[0]];
    const source = join(sources.scratch(), 'disk.img');
    writeFileSync(source, randomBytes(diskBytes));
    const repository = await createRepository(join(repositories.scratch(), 'repository'), source);
    await repository.backup();
    asEarlierVersion(repository);
    writeAt(source, 0, randomBytes(KIB));

    const second = await repository.backup();
    writeAt(source, 0, randomBytes(KIB));
    const third = await repository.backup();

    expect(second.stats).toMatchObject({
      method: 'full',
      fallback: 'the record of the previous revision does not identify its snapshot',
    });
    expect(third.stats.method).toBe('extent-map');
    expect(third.stats).not.toHaveProperty('fallback');
    expect(snapshotsIn(dirname(source))).toEqual([expect.stringContaining(third.uuid)]);
  });

  it('that became the image is not compared with either', async () => {
    const [btrfs] = filesystems;
    const source = join(btrfs.scratch(), 'disk.img');
    writeFileSync(source, randomBytes(diskBytes));
    const repository = await createRepository(join(btrfs.scratch(), 'repository'), source);
    await repository.backup();
    asEarlierVersion(repository);
    const methods = [await repository.backup(), await repository.backup()].map(({ stats }) => stats.method);
    expect(methods).toEqual(['full', 'clone']);
    await expectSameBytes(repository.path('last'), source);
  });
});

/** Turns a repository into one of an earlier version: its snapshot has no directory, and no record names it. */
function asEarlierVersion(repository: TestRepository): void {
  const directory = dirname(repository.source);
  for (const name of snapshotsIn(directory)) {
    const path = join(directory, name);
    renameSync(join(path, name.slice(-36)), `${path}.moving`);
    rmdirSync(path);
    renameSync(`${path}.moving`, path);
  }
  for (const record of recordsOf(repository)) {
    const path = repository.path(`${record.uuid}.rev`);
    const { snapshotFile, ...source } = record.source;
    expect(snapshotFile).toBeDefined();
    chmodSync(path, 0o600);
    writeFileSync(path, JSON.stringify({ ...record, source }));
    chmodSync(path, 0o400);
  }
}
