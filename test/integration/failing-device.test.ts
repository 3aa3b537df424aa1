import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectSameBytes, flipByte, KIB, MIB, randomBytes, writeAt } from '../helpers/bytes.ts';
import { dropCacheOf, failingDeviceNeeds, startFailingDevice } from '../helpers/failing-device.ts';
import { expectFailure, expectOneLine } from '../helpers/failure.ts';
import { extentsOf } from '../helpers/fiemap.ts';
import { needsOf } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, filesOf } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

const sectorBytes = 4 * KIB;
const badOffset = 5 * MIB + 3 * sectorBytes;

describeWith([...failingDeviceNeeds, ...needsOf('xfs'), 'command filefrag'], 'a failing disk', () => {
  it('as a source fails the backup at the byte it cannot read', async () => {
    const device = await startFailingDevice(8 * MIB);
    writeAt(device.disk, 0, randomBytes(8 * MIB));
    const repository = await createRepository(join(scratchForTest(), 'repository'), device.disk);
    const earlier = await repository.backup();
    device.failToRead(badOffset + 100);
    await dropCacheOf(device.disk);

    await expectFailure(repository.backy, ['backup', 'daily'], {
      code: 'BACKY_IO',
      says: [`read ${device.disk}`, `(EIO) at byte ${badOffset}`],
    });

    expect(repository.revisionFiles()).toEqual(filesOf(earlier));
    device.failToRead(undefined);
    const { uuid } = await repository.backup();
    await expectSameBytes(repository.path(uuid), device.disk);
  });

  it('under an image: its unreadable blocks are named, and the scan continues behind them', async () => {
    const device = await startFailingDevice(400 * MIB);
    const source = join(scratchForTest(), 'disk.img');
    writeFileSync(source, randomBytes(8 * MIB));
    const repository = await createRepository(join(await device.mountXfs(), 'repository'), source);
    const { uuid } = await repository.backup();
    const image = repository.path(uuid);
    const [extent] = await extentsOf(image);
    flipByte(image, 7 * MIB);
    device.failToRead((extent?.physical ?? 0) + badOffset);
    await dropCacheOf(image);

    const { good, verdicts } = await repository.verify();

    expect(good).toBe(false);
    expect(verdicts).toMatchObject([
      {
        badBlocks: [
          { offset: 5 * MIB, length: 256 * KIB, error: 'EIO' },
          { offset: 7 * MIB, length: 256 * KIB, found: expect.stringMatching(/^[0-9a-f]{64}$/) },
        ],
      },
    ]);
    const restore = ['-q', 'restore', '-r', uuid, join(scratchForTest(), 'target')];
    await expectFailure(repository.backy, restore, {
      code: 'BACKY_IMAGE_DAMAGED',
      says: [image, 'bytes 5242880-5505023', 'bytes 7340032-7602175'],
    });
    device.failToRead(undefined);
    flipByte(image, 7 * MIB);
    expect(await repository.verify()).toMatchObject({ good: true });
  });

  it.each([
    ['loses', 'loseWriteOf'],
    ['misdirects', 'misdirectWriteOf'],
  ] as const)(
    'that %s a write it reported as done is found out before anything is sealed (F6)',
    async (_, lie) => {
      const device = await startFailingDevice(400 * MIB);
      const source = join(scratchForTest(), 'disk.img');
      writeFileSync(source, randomBytes(8 * MIB));
      const repository = await createRepository(join(await device.mountXfs(), 'repository'), source);

      const earlier = [];
      for (const kind of ['a first revision', 'a clone']) {
        writeAt(source, MIB, randomBytes(2 * MIB));
        writeAt(source, 2 * MIB, Buffer.from(`the data of ${kind}`));
        device[lie](`the data of ${kind}`);
        const outcome = await repository.backy('backup', 'manual:lost');
        expect(device.hasLied(), kind).toBe(true);
        expectOneLine(outcome, [repository.directory, 'reads back differently at byte', 'Check the storage']);
        expect(repository.revisionFiles(), kind).toEqual(filesOf(...earlier));

        earlier.push(await repository.backup());
        await expectSameBytes(repository.path('last'), source);
      }
      expect(await repository.verify()).toMatchObject({ good: true });
    },
  );
});
