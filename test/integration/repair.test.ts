import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { VerifyResult } from '../../src/operations/verify/verify.ts';
import { expectSameBytes, flipByte, KIB, MIB, randomBytes, readAt, writeAt } from '../helpers/bytes.ts';
import { extentsOf } from '../helpers/fiemap.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createLiveRepository, filesOf, type TestRepository } from '../helpers/repository.ts';
import { rotOnDisk } from '../helpers/rot.ts';
import { scratchForTest } from '../helpers/scratch.ts';

const block = 256 * KIB;
const badOffset = 5 * block + 70 * KIB;

async function verify(repository: TestRepository, ...options: readonly string[]) {
  const { exitCode, stdout } = await repository.backy('--json', 'verify', ...options);
  const result: VerifyResult = JSON.parse(stdout);
  return { exitCode, ...result };
}

for (const type of ['xfs', 'btrfs'] as const) {
  describeWith([...needsOf(type), 'command filefrag'], `rot on ${type}`, () => {
    const filesystem = useFilesystem(type);

    /** Two revisions that share most of what they have, of a source on another disk. */
    async function twoRevisions() {
      const source = join(scratchForTest(), 'disk.img');
      writeFileSync(source, randomBytes(4 * MIB));
      const repository = await createLiveRepository(join(filesystem.scratch(), 'repository'), source);
      const first = await repository.backup();
      writeAt(source, 2 * MIB, randomBytes(block));
      const second = await repository.backup();
      const images = [first, second].map(({ uuid }) => repository.path(uuid));
      return { source, repository, first, second, images };
    }

    it('of a shared extent is found in every revision that has it, named, and healed from the live source', async () => {
      const { source, repository, first, second, images } = await twoRevisions();
      const good = readFileSync(source);
      const before = await Promise.all(images.map(extentsOf));
      expect(await rotOnDisk(filesystem, readAt(source, badOffset, 64), images)).toBe(1);

      const found = await verify(repository);

      const offset = 5 * block;
      expect(found).toMatchObject({
        exitCode: 1,
        good: false,
        verdicts: [
          { uuid: first.uuid, badBlocks: [{ offset }], sharers: [{ uuid: second.uuid, blocks: [offset] }] },
          { uuid: second.uuid, badBlocks: [{ offset }], sharers: [{ uuid: first.uuid, blocks: [offset] }] },
        ],
      });

      const healed = await verify(repository, '-r', first.uuid, '--repair');

      const from = expect.any(String);
      expect(healed).toMatchObject({
        exitCode: 0,
        good: true,
        verdicts: [
          {
            uuid: first.uuid,
            verdict: 'good',
            repair: {
              healed: [{ offset, length: block, from: source }],
              left: [],
              sharers: [{ uuid: second.uuid, healed: [{ offset, from }], left: [] }],
            },
          },
        ],
      });
      expect(readFileSync(images[1] ?? '').equals(good)).toBe(true);
      expect(await verify(repository)).toMatchObject({ exitCode: 0, good: true });
      expect((await repository.status()).revisions.map(({ trust }) => trust)).toEqual([
        'verified',
        'verified',
      ]);
      expect(repository.revisionFiles()).toEqual(filesOf(first, second));
      // I15: other blocks of the disk than before, sealed as before, and what was there is kept.
      const after = await Promise.all(images.map(extentsOf));
      for (const [number, image] of images.entries()) {
        expect(placeOf(after[number], badOffset)).not.toBe(placeOf(before[number], badOffset));
        expect(statSync(image).mode & 0o777).toBe(0o400);
      }
      const { repair } = healed.verdicts[0] ?? {};
      const evidence = readFileSync(repair?.healed[0]?.evidence ?? '');
      expect(evidence.length).toBe(block);
      // btrfs does not hand out the bytes of a bad sector.
      const rotten = Buffer.from(good.subarray(offset, offset + block));
      if (type === 'xfs') rotten.writeUInt8(rotten.readUInt8(70 * KIB) ^ 1, 70 * KIB);
      else rotten.fill(0, 68 * KIB, 72 * KIB);
      expect(evidence.equals(rotten)).toBe(true);
      expect(statSync(repair?.healed[0]?.evidence ?? '').mode & 0o777).toBe(0o400);
      const lines = readFileSync(repair?.report ?? '', 'utf8')
        .trimEnd()
        .split('\n');
      expect(lines.map((line) => JSON.parse(line))).toMatchObject([
        { uuid: first.uuid, sharers: [second.uuid] },
        { uuid: first.uuid, offset, healed: true, from: source },
        { uuid: second.uuid, offset, healed: true },
      ]);
    });

    it('without a good copy is reported and stays unchanged', async () => {
      const { source, repository, first, second, images } = await twoRevisions();
      const needle = readAt(source, badOffset, 64);
      // Caches of a sharer that still have the right bytes are no other place.
      for (const image of images) readFileSync(image);
      expect(await rotOnDisk(filesystem, needle, [images[1] ?? ''])).toBe(1);
      writeAt(source, badOffset, randomBytes(64));
      const before = await Promise.all(images.map(extentsOf));

      const result = await verify(repository, '-r', second.uuid, '--repair');

      expect(result).toMatchObject({
        exitCode: 1,
        good: false,
        verdicts: [
          {
            verdict: 'bad',
            repair: {
              healed: [],
              left: [{ offset: 5 * block, reason: expect.stringMatching(/^(no|every) other place/) }],
              sharers: [{ uuid: first.uuid, healed: [], left: [{ offset: 5 * block }] }],
            },
          },
        ],
      });
      expect(await Promise.all(images.map(extentsOf))).toEqual(before);
      expect((await verify(repository)).verdicts).toMatchObject([{ verdict: 'bad' }, { verdict: 'bad' }]);
      expect(repository.revisionFiles()).toEqual(filesOf(first, second));
    });
  });
}

describeWith(needsOf('ext4'), 'rot where nothing is shared', () => {
  const filesystem = useFilesystem('ext4');

  it('is healed from another revision, zeros from nowhere, and a truncated image gets its end back', async () => {
    const source = join(scratchForTest(), 'disk.img');
    const bytes = randomBytes(3 * MIB + 100);
    bytes.fill(0, MIB, 2 * MIB);
    writeFileSync(source, bytes);
    const repository = await createLiveRepository(join(filesystem.scratch(), 'repository'), source);
    const [first, second] = [await repository.backup(), await repository.backup()];
    copyFileSync(source, `${source}.kept`);
    writeFileSync(source, randomBytes(4 * MIB));
    const image = repository.path(first.uuid);
    for (const offset of [10, MIB + 10]) flipByte(image, offset);
    truncateSync(image, 3 * MIB + 7);

    const result = await verify(repository, '--repair');

    expect(result).toMatchObject({ exitCode: 0, good: true });
    expect(result.verdicts[0]?.repair?.healed).toMatchObject([
      { offset: 0, from: repository.path(second.uuid) },
      { offset: MIB, from: null },
      { offset: 3 * MIB, length: 100, from: repository.path(second.uuid) },
    ]);
    await expectSameBytes(image, `${source}.kept`);
  });
});

function placeOf(extents: Awaited<ReturnType<typeof extentsOf>> | undefined, offset: number): number {
  const extent = extents?.find((each) => each.offset <= offset && offset < each.offset + each.length);
  return extent ? extent.physical + offset - extent.offset : Number.NaN;
}
