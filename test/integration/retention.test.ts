import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openRepository } from '../../src/index.ts';
import { expectSameBytes, hashOf, MIB, randomBytes, writeAt } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { type LoopFilesystem, needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, filesOf, type TestRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

const sourceBytes = 16 * MIB;
const changedBytes = 2 * MIB;
const dayMs = 86_400_000;
const days = 12;

for (const type of ['btrfs', 'xfs'] as const) {
  describeWith(needsOf(type), `retention on ${type}`, () => {
    const filesystem = useFilesystem(type);

    it('keeps the scheduled revisions byte for byte, and frees the announced space', async () => {
      const repository = await makeRepository(filesystem);
      const hashes = await backUpDaily(repository);
      // 3 daily ones, those younger than 3 days, and the weekly one of the first day and the one a week later.
      const { revisions, trash } = await repository.status();
      expect(revisions.map(({ tags }) => tags.join())).toEqual([
        'weekly',
        'weekly',
        'daily',
        'daily',
        'daily',
        'daily',
      ]);
      // A day later each backup removed for good what the one before had moved there.
      expect(trash).toHaveLength(1);
      for (const { uuid } of revisions) expect(hashOf(repository.path(uuid))).toBe(hashes.get(uuid));
      expect(await repository.verify()).toMatchObject({ good: true });
      expect(repository.revisionFiles()).toEqual(filesOf(...revisions));

      // The second weekly one shares with its neighbours all but what it alone has.
      const spec = revisions[1]?.uuid ?? '';
      const { freed } = JSON.parse((await repository.backy('--json', 'forget', '-n', '-r', spec)).stdout);
      await repository.backy('purge');
      const before = await filesystem.freeBytes();
      expect(await repository.backy('forget', '-r', spec)).toMatchObject({ exitCode: 0, stderr: '' });
      expect(Math.abs((await filesystem.freeBytes()) - before)).toBeLessThan(MIB / 2);
      expect(await repository.backy('purge')).toMatchObject({ exitCode: 0 });
      // Measured while the trash pinned extents, too, so that more may have been freed by now.
      expect((await filesystem.freeBytes()) - before).toBeGreaterThan(freed.bytes - MIB / 2);
      expect(await repository.verify()).toMatchObject({ good: true });
    });

    it('removes to the trash and brings back by renaming alone', async () => {
      const repository = await makeRepository(filesystem);
      const kept = await repository.backup();
      writeAt(repository.source, MIB, randomBytes(changedBytes));
      const removed = await repository.backup();
      const [before, record] = ['', '.rev'].map((suffix) => hashOf(repository.path(removed.uuid + suffix)));
      await repository.backy('forget', '-r', 'last');
      expect(repository.revisionFiles()).toEqual(filesOf(kept));
      await expectSameBytes(repository.path('last'), repository.path(kept.uuid));
      expect((await repository.backy('status')).stdout).toContain('== Trash');
      const { exitCode, stdout } = await repository.backy('undelete', '-r', removed.uuid.slice(0, 20));
      expect({ exitCode, stdout }).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining(removed.uuid),
      });
      expect(hashOf(repository.path('last'))).toBe(before);
      expect(repository.revisionFiles()).toEqual(filesOf(kept, removed));
      expect(hashOf(repository.path('last.rev'))).toBe(record);
    });
  });
}

for (const { type, sizeMib } of [
  { type: 'btrfs', sizeMib: 128 },
  { type: 'xfs', sizeMib: 300 },
] as const) {
  describeWith(needsOf(type), `removing on a full ${type}`, () => {
    const filesystem = useFilesystem(type, sizeMib);

    it('still frees space (I32)', async () => {
      const repository = await makeRepository(filesystem);
      await repository.backup();
      writeAt(repository.source, 0, randomBytes(sourceBytes));
      const goes = await repository.backup();
      writeAt(repository.source, 0, randomBytes(changedBytes));
      const stays = await repository.backup();
      await fillUp(filesystem.directory);
      const before = await filesystem.freeBytes();
      expect(await repository.backy('forget', '-r', goes.uuid)).toMatchObject({ exitCode: 0 });
      expect(await repository.backy('forget', '-r', 'first')).toMatchObject({ exitCode: 0 });
      expect(await repository.backy('purge')).toMatchObject({ exitCode: 0 });
      expect(await repository.backy('status')).toMatchObject({ exitCode: 0, stderr: '' });
      expect((await filesystem.freeBytes()) - before).toBeGreaterThan(sourceBytes);
      expect(repository.revisionFiles()).toEqual(filesOf(stays));
      expect(await repository.verify()).toMatchObject({ good: true });
    });
  });
}

async function makeRepository(filesystem: LoopFilesystem): Promise<TestRepository> {
  // Elsewhere: what source and revisions share is not freed with the revisions.
  const source = join(scratchForTest(), 'disk.img');
  writeFileSync(source, randomBytes(sourceBytes));
  const repository = await createRepository(join(filesystem.scratch(), 'repository'), source);
  const schedule = { daily: { interval: '1d', keep: 3 }, weekly: { interval: '7d', keep: 2 } };
  const config = { source: { type: 'file', filename: source }, schedule };
  writeFileSync(repository.path('config'), JSON.stringify(config));
  return repository;
}

/** Takes a backup each day through the library, whose clock can be set. @returns the hash of each image */
async function backUpDaily({ directory, source }: TestRepository): Promise<ReadonlyMap<string, string>> {
  // A Monday.
  let now = new Date('2026-01-05T12:00:00Z');
  const repository = await openRepository(directory, { clock: () => now });
  const hashes = new Map<string, string>();
  for (let day = 0; day < days; day += 1) {
    writeAt(source, (day % 6) * changedBytes, randomBytes(changedBytes));
    const result = await repository.backup();
    const { uuid } = result?.record ?? expect.unreachable('a backup was due');
    hashes.set(uuid, hashOf(join(directory, uuid)));
    now = new Date(now.getTime() + dayMs);
  }
  return hashes;
}

async function fillUp(directory: string): Promise<void> {
  const ballast = join(directory, 'ballast');
  for (const bs of ['1M', '4k'])
    await mustRun('sh', [
      '-c',
      `dd if=/dev/zero of="$1" oflag=append conv=notrunc bs=${bs} 2>/dev/null || :; sync`,
      'sh',
      ballast,
    ]);
  expect(existsSync(ballast)).toBe(true);
}
