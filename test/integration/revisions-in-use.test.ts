import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { RevisionRecord } from '../../src/domain/revision.ts';
import { MIB, randomBytes } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { expectFailure } from '../helpers/failure.ts';
import { type HoldingProgram, qemuNeeds, startHolder, startMachine } from '../helpers/holder.ts';
import { withMounted } from '../helpers/loop-device.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, filesOf, type TestRepository } from '../helpers/repository.ts';

/** DESIGN: an image that somebody has open is not removed. */
describeWith([...needsOf('xfs', 'ext4'), 'command losetup', ...qemuNeeds], 'a revision in use', () => {
  const filesystem = useFilesystem('xfs');

  it('by a virtual machine on an overlay is not forgotten until that ends, and all others are', async () => {
    const { repository, records } = await filledRepository();
    const [held, other, last] = records;
    const machine = await startOverlay(repository, held);

    const plan = await repository.backy('forget', '-n', '-r', '2..1');
    expect(plan).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/1 revision would go/),
      stderr: expect.stringContaining(`${held.uuid} stays where it is`),
    });
    expect(await repository.backy('forget', '-r', '2..1')).toMatchObject({ exitCode: 1 });
    await expectFailure(repository.backy, ['forget', '-r', held.uuid], {
      code: 'BACKY_REVISION_BUSY',
      says: [repository.path(held.uuid), 'qemu-system-x86', `process ${machine.pid}`],
    });
    const { revisions, trash } = await repository.status();
    expect(revisions.map(({ uuid }) => uuid)).toEqual([held.uuid, last.uuid]);
    expect(trash.map(({ record }) => record.uuid)).toEqual([other.uuid]);
    expect(repository.revisionFiles()).toEqual(filesOf(held, last));

    await machine.stop();
    expect(await repository.backy('forget', '-r', held.uuid)).toMatchObject({ exitCode: 0 });
    expect(await repository.verify()).toMatchObject({ good: true });
  });

  it('by another program is not expired, named by each backup, and expired once that ends', async () => {
    const { repository, records } = await filledRepository();
    const [held] = records;
    await repository.backy('tags', 'remove', 'manual:1', '-r', held.uuid);
    const program = await startHolder(
      repository.path(held.uuid),
      'sh',
      '-c',
      'exec 3<"$1"; exec sleep 600',
      'sh',
      repository.path(held.uuid),
    );
    expect(await repository.backy('expire', '-n')).toMatchObject({
      stderr: expect.stringContaining(`process ${program.pid}`),
    });

    for (const tag of ['manual:x', 'manual:y']) {
      const { exitCode, stderr } = await repository.backy('backup', tag);
      expect({ exitCode, stderr }).toMatchObject({
        exitCode: 0,
        stderr: expect.stringContaining(`${repository.path(held.uuid)} is in use: sleep`),
      });
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }

    expect(repository.revisionFiles()).toEqual(expect.arrayContaining([...filesOf(held)]));
    await program.stop();
    expect(await repository.backy('backup', 'manual:z')).toMatchObject({ exitCode: 0, stderr: '' });
    expect(repository.revisionFiles()).not.toContain(held.uuid);
  });

  it('in the trash stays there, is named, and is purged after its use ends', async () => {
    const { repository, records } = await filledRepository();
    const [held, other] = records;
    await repository.backy('forget', '-r', '2..1');
    const [batch = ''] = readdirSync(repository.path('.trash'));
    const trash = repository.path(join('.trash', batch));
    await attachAnd(join(trash, held.uuid), async (device) => {
      expect(await repository.backy('purge', '-n')).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining('0 files and 1 revision would go'),
      });
      for (const removed of [`${other.uuid} from the trash\n`, '']) {
        const { exitCode, stdout, stderr } = await repository.backy('purge');
        expect({ exitCode, stdout, stderr }).toEqual({
          exitCode: 0,
          stdout: removed,
          stderr: expect.stringMatching(new RegExp(`^backy: warning: ${held.uuid} stays .*${device}`)),
        });
      }
      expect(readdirSync(trash).sort()).toEqual(filesOf(held));
    });

    expect(await repository.backy('purge')).toMatchObject({ exitCode: 0, stderr: '' });
    expect(readdirSync(repository.path('.trash'))).toEqual([]);
  });

  it('as a mount stays although nothing is kept in the trash', async () => {
    const { repository, records } = await filledRepository('grace-time: 0\n');
    const image = repository.path(records[0].uuid);
    await withMounted(image, 'ro,noload', async () => {
      await expectFailure(repository.backy, ['forget', '-r', records[0].uuid], {
        code: 'BACKY_REVISION_BUSY',
        says: [image, '/dev/loop'],
      });
    });
    expect(repository.revisionFiles()).toEqual(filesOf(...records));
  });

  /** Three revisions of a disk with a filesystem. */
  async function filledRepository(config = '') {
    const scratch = filesystem.scratch();
    const source = join(scratch, 'disk.img');
    writeFileSync(source, randomBytes(4 * MIB));
    await mustRun('mkfs.ext4', ['-q', '-F', source]);
    const repository = await createRepository(join(scratch, 'repository'), source);
    if (config !== '') writeFileSync(repository.path('config'), config, { flag: 'a' });
    const records = [
      await repository.backup(),
      await repository.backup(),
      await repository.backup(),
    ] satisfies readonly RevisionRecord[];
    const [first = expect.unreachable(), second = expect.unreachable(), third = expect.unreachable()] =
      records;
    return { repository, records: [first, second, third] as const };
  }
});

async function startOverlay(
  repository: TestRepository,
  { uuid }: { readonly uuid: string },
): Promise<HoldingProgram> {
  const image = repository.path(uuid);
  const overlay = join(repository.directory, '../overlay.qcow2');
  await mustRun('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', image, overlay]);
  return startMachine(overlay, 'qcow2', image);
}

/** A loop device, detached as soon as `work` is done. */
async function attachAnd(file: string, work: (device: string) => Promise<void>): Promise<void> {
  const device = (await mustRun('losetup', ['--find', '--show', '--read-only', file])).trim();
  try {
    await work(device);
  } finally {
    await mustRun('losetup', ['--detach', device]);
  }
}
