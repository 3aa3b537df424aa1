import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { KIB, MIB, makeSparseFile, randomBytes, readAt, writeAt } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { extentsOf, ownBytes } from '../helpers/fiemap.ts';
import { type FilesystemType, needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, readRecord, type TestRepository } from '../helpers/repository.ts';

const blockBytes = 256 * KIB;
const headerBytes = 4096;
const hashBytes = 32;
const zeroHash = '0'.repeat(64);
const types: readonly FilesystemType[] = ['btrfs', 'xfs', 'ext4'];

for (const type of types) {
  describeWith([...needsOf(type), 'command b3sum', 'command filefrag'], `the format on ${type}`, () => {
    const filesystem = useFilesystem(type);

    it('records exactly what is documented', async () => {
      const repository = await smallRepository(filesystem.scratch());
      const startedMs = Date.now();
      const first = await repository.backup();
      const second = readRecord(repository, (await repository.backup()).uuid);

      const isReflink = type !== 'ext4';
      const number = expect.stringMatching(/^\d+$/);
      expect(second).toEqual({
        formatVersion: 1,
        uuid: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        parent: first.uuid,
        tags: ['manual:2'],
        trust: 'trusted',
        size: 5 * MIB + 1000,
        digest: expect.stringMatching(/^[0-9a-f]{64}$/),
        blockSize: blockBytes,
        source: {
          type: 'file',
          filename: repository.source,
          ...(isReflink ? { snapshotFile: { device: number, inode: number, birth: number } } : {}),
        },
        consistency: isReflink ? 'crash' : 'live',
        stats: {
          duration: expect.any(Number),
          bytesRead: expect.any(Number),
          bytesWritten: expect.any(Number),
          bytesChanged: 0,
          bytesZero: expect.any(Number),
          method: isReflink ? 'clone' : 'full',
          sharing: isReflink ? 'reflink' : 'none',
          sharingReason: expect.stringContaining(isReflink ? 'one disk' : 'ext4'),
          ...(isReflink ? {} : { fallback: expect.stringContaining('ext4 has no reflinks') }),
          extents: expect.any(Number),
          sampleRun: 1,
          fullRead: isReflink ? first.uuid : second.uuid,
        },
        verifiedAt: null,
        checksum: expect.stringMatching(/^sha256-[0-9a-f]{64}$/),
      });
      expect(first.parent).toBeNull();
      expect(Date.parse(second.timestamp) - startedMs).toBeGreaterThan(0);
      expect(Number.parseInt(second.uuid.slice(0, 8) + second.uuid.slice(9, 13), 16)).toBe(
        Date.parse(second.timestamp),
      );
      expect([first.uuid, second.uuid].sort()).toEqual([first.uuid, second.uuid]);
    });

    it('keeps keys that it does not know when it rewrites a record', async () => {
      const repository = await smallRepository(filesystem.scratch());
      const { uuid } = await repository.backup();
      const record = { ...readRecord(repository, uuid), comment: { by: 'a later version' } };
      writeFileSync(repository.path(`${uuid}.rev`), JSON.stringify(record));

      await repository.verify();

      const verifiedAt = expect.stringMatching(/Z$/);
      expect(readRecord(repository, uuid)).toEqual({ ...record, trust: 'verified', verifiedAt });
    });

    it('hashes every block, as b3sum does', async () => {
      const repository = await smallRepository(filesystem.scratch());
      const { uuid, size, digest } = await repository.backup();
      const [image, index] = [repository.path(uuid), repository.path(`${uuid}.hashes`)];
      const header = readAt(index, 0, headerBytes);
      const blocks = Math.ceil(size / blockBytes);

      const hashes = await blockHashes(image);
      const zeros = hashes.filter((hash) => hash === zeroHash).length;
      expect(zeros).toBe(6);
      expect(header.subarray(0, 8).toString()).toBe('BACKYIDX');
      expect([8, 12].map((at) => header.readUInt32LE(at))).toEqual([1, blockBytes]);
      expect([16, 24, 32].map((at) => Number(header.readBigUInt64LE(at)))).toEqual([size, blocks, zeros]);
      expect(header.subarray(40, headerBytes - hashBytes).equals(Buffer.alloc(4024))).toBe(true);
      expect(header.subarray(-hashBytes).toString('hex')).toBe(
        await b3sum(`head -c ${headerBytes - hashBytes} "$1" | b3sum --no-names`, index),
      );
      expect(chunks(readFileSync(index).subarray(headerBytes), hashBytes)).toEqual(hashes);
      expect(digest).toBe(await b3sum('b3sum --no-names "$1"', index));
    });

    if (type === 'ext4') return;

    it('clones the index and shares its unchanged blocks, too', async () => {
      const scratch = filesystem.scratch();
      const source = join(scratch, 'disk.img');
      const segments = 64;
      makeSparseFile(source, segments * 32 * MIB);
      for (let segment = 0; segment < segments; segment += 1)
        writeAt(source, segment * 32 * MIB, randomBytes(1000));
      const repository = await createRepository(join(scratch, 'repository'), source);
      await repository.backup();
      writeAt(source, 10 * 32 * MIB, randomBytes(1000));

      const { uuid } = await repository.backup();

      const index = repository.path(`${uuid}.hashes`);
      expect(readFileSync(index)).toHaveLength(headerBytes + segments * 4096);
      // The page of that block, and the header at most.
      expect(ownBytes(await extentsOf(index))).toBeLessThanOrEqual(2 * 4096);
      expect(await repository.verify()).toMatchObject({ good: true });
    });
  });
}

/** A disk of 21 blocks with data in the first and from the eighth on, the last of them short; the others are zero. */
function smallRepository(scratch: string): Promise<TestRepository> {
  const source = join(scratch, 'disk.img');
  makeSparseFile(source, 5 * MIB + 1000);
  writeAt(source, 0, randomBytes(1000));
  writeAt(source, 2 * MIB - 1, randomBytes(3 * MIB + 1001));
  writeAt(source, MIB, Buffer.alloc(MIB / 2));
  return createRepository(join(scratch, 'repository'), source);
}

/** The hashes of the blocks of an image as hex, computed by other tools than ours. */
async function blockHashes(image: string): Promise<readonly string[]> {
  const script = `split --bytes=${blockBytes} --filter='b3sum --no-names' "$1"`;
  const lines = (await mustRun('sh', ['-c', script, 'sh', image])).trim().split('\n');
  const bytes = readFileSync(image);
  return lines.map((hash, block) => {
    const content = bytes.subarray(block * blockBytes, (block + 1) * blockBytes);
    return content.every((byte) => byte === 0) ? zeroHash : hash;
  });
}

async function b3sum(script: string, path: string): Promise<string> {
  return (await mustRun('sh', ['-c', script, 'sh', path])).trim();
}

function chunks(bytes: Buffer, length: number): readonly string[] {
  const count = bytes.length / length;
  return Array.from({ length: count }, (_, at) =>
    bytes.subarray(at * length, (at + 1) * length).toString('hex'),
  );
}
