import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hashOf, MIB, randomBytes } from '../helpers/bytes.ts';
import { runKilled } from '../helpers/killed.ts';
import { needsOf, useFilesystem } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { seededRandom, testSeed } from '../helpers/random.ts';
import { createRepository, filesOf, isTorn, type TestRepository } from '../helpers/repository.ts';

const rounds = 12;
const revisions = 6;

for (const type of ['btrfs', 'xfs'] as const) {
  describeWith(
    needsOf(type),
    `SIGKILL while revisions are removed on ${type} (BACKY_TEST_SEED=${testSeed})`,
    () => {
      const filesystem = useFilesystem(type);

      it('leaves each of them whole, in its place or in the trash (I4, I22)', async () => {
        const random = seededRandom(testSeed);
        const repository = await makeRepository(filesystem.scratch());
        const hashes = await hashesOf(repository);
        const commands = [
          ['forget', '-r', '4..1'],
          ['undelete', '-r', 'all'],
        ];
        let torn = 0;
        for (let round = 0; round < rounds; round += 1) {
          for (const args of commands) {
            // Half of the moments are in the whole run, the other half in the short part of it in which it moves files.
            const onceTorn = round % 2 === 0;
            await runKilled(repository, args, {
              onceTorn,
              afterMs: onceTorn ? random() : 80 + random() * 120,
            });
            torn += isTorn(repository) ? 1 : 0;
            await expectWhole(repository, hashes);
          }
        }
        // Otherwise the kills came too early or too late to prove anything.
        expect(torn, 'kills in the middle of moving').toBeGreaterThan(0);
        await runKilled(repository, ['purge'], { onceTorn: false, afterMs: 80 + random() * 120 });
        await repository.backy('purge');
        expect(await repository.verify()).toMatchObject({ good: true });
      });
    },
  );
}

/** After a backup has healed whatever there is to heal, every revision that ever was is somewhere, unchanged. */
async function expectWhole(repository: TestRepository, hashes: ReadonlyMap<string, string>): Promise<void> {
  // Nothing is due, so this only cleans up.
  expect(await repository.backy('backup')).toMatchObject({ exitCode: 0, stderr: '' });
  const status = await repository.status();
  expect(status.damaged).toEqual([]);
  expect(repository.revisionFiles()).toEqual(filesOf(...status.revisions));
  const trash = repository.path('.trash');
  const places = new Map(status.revisions.map(({ uuid }) => [uuid, repository.path(uuid)]));
  for (const { record, removedAt } of status.trash)
    places.set(record.uuid, join(trash, removedAt.replace(/[-:.]/g, ''), record.uuid));
  expect([...places.keys()].sort()).toEqual([...hashes.keys()].sort());
  for (const [uuid, path] of places) {
    expect(hashOf(path)).toBe(hashes.get(uuid));
    expect(readFileSync(`${path}.hashes`).length).toBeGreaterThan(4096);
  }
  expect(readFileSync(repository.path('last')).length).toBe(MIB);
  expect(readdirSync(repository.directory).filter((name) => name.startsWith('.tmp-'))).toEqual([]);
}

async function makeRepository(scratch: string): Promise<TestRepository> {
  const source = join(scratch, 'disk.img');
  writeFileSync(source, randomBytes(MIB));
  const repository = await createRepository(join(scratch, 'repository'), source);
  for (let count = 0; count < revisions; count += 1) {
    writeFileSync(source, randomBytes(MIB));
    await repository.backup();
  }
  await repository.backy('backup', 'daily,weekly,monthly');
  return repository;
}

async function hashesOf(repository: TestRepository): Promise<ReadonlyMap<string, string>> {
  const { revisions: all } = await repository.status();
  return new Map(all.map(({ uuid }) => [uuid, hashOf(repository.path(uuid))]));
}
