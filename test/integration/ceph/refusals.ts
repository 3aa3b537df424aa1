import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MIB } from '../../helpers/bytes.ts';

import type { CephBench } from './bench.ts';

/** An image that is protected, or whose snapshot disappears, fails the backup with a remedy. */
export function refusals(bench: CephBench): void {
  const { cluster, setUp, expectRevision } = bench;

  it('is refused with a remedy if backy may not write to it', async () => {
    const { image, repository } = await setUp(8 * MIB);
    await repository.backup();
    const before = await cluster.snapshots(image);
    const becomeUsual = repository.configure('user: reader');
    expect(await repository.fail()).toMatchObject({
      code: 'BACKY_SNAPSHOT_FAILED',
      message: expect.stringContaining('Operation not permitted'),
      remedy: expect.stringContaining(`ceph auth caps client.reader mon 'profile rbd' osd 'profile rbd'`),
    });
    becomeUsual();
    await cluster.rbd('mirror', 'pool', 'enable', 'rbd', 'image');
    await cluster.rbd('mirror', 'image', 'enable', image, 'snapshot');
    await cluster.rbd('mirror', 'image', 'demote', image);
    expect(await repository.fail()).toMatchObject({
      code: 'BACKY_SNAPSHOT_FAILED',
      message: expect.stringContaining('is not primary'),
      remedy: expect.stringContaining(`rbd mirror image promote ${image}`),
    });
    const { stderr } = await repository.backy('--json', 'restore', `rbd:${image}`);
    expect(JSON.parse(stderr)).toMatchObject({
      code: 'BACKY_TARGET_PROTECTED',
      message: expect.stringContaining('is not primary'),
    });
    expect(await cluster.snapshots(image)).toEqual(before);
    await cluster.rbd('mirror', 'image', 'promote', image);
    await cluster.rbd('mirror', 'image', 'disable', image);
    const record = await repository.backup();
    expect(record.stats.method).toBe('rbd-diff');
    const metadata: object = JSON.parse(await cluster.rbd('image-meta', 'list', '--format', 'json', image));
    expect(Object.keys(metadata)).toEqual([`backy.${record.uuid}`]);
  });

  it('says that its snapshot is lost when somebody removes it while it is read', async () => {
    const { image, repository } = await setUp(8 * MIB);
    repository.replaceRbd(
      [
        'case " $* " in *" export-diff "*)',
        '  while [ "$1" != --snap ]; do shift; done',
        `  "$RBD" snap rm --no-progress ${image}@$2; echo "rbd: gone" >&2; exit 2 ;;`,
        '*) exec "$RBD" "$@" ;; esac',
      ].join('\n'),
    );
    expect(await repository.fail()).toMatchObject({ code: 'BACKY_SNAPSHOT_LOST' });
    expect(readdirSync(repository.directory).filter((name) => name.endsWith('.rev'))).toEqual([]);
    repository.replaceRbd();
    await expectRevision(repository, await repository.backup(), image);
  });
}
