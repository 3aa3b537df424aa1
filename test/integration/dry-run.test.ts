import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeSparseFile } from '../helpers/bytes.ts';
import { createRepository, cutOff, type TestRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

describe('a dry run', () => {
  it.each([
    ['forget', ['-r', '0'], /^\S+\n1 revision would go: /],
    [
      'tags',
      ['set', 'manual:a', '-r', 'all'],
      / {2}manual:a {2}.*\n.* {2}manual:a {2}.*\n2 revisions would change\n$/,
    ],
    ['distrust', ['-r', '0'], / {2}distrusted {2}.*\n1 revision would change\n$/],
    [
      'purge',
      [],
      /^\S+\.partial\n\S+\.rev\.partial\n\S+ from the trash\n2 files and 1 revision would go for good\n$/,
    ],
    ['expire', [], /nothing expires\n$/],
  ])('of %s prints the plan, with -q too, and changes nothing', async (name, args, plan) => {
    const repository = await makeRepository();
    const before = contentsOf(repository);

    const outcome = await repository.backy('-q', name, '-n', ...args);

    expect(outcome).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(plan), stderr: '' });
    expect(contentsOf(repository)).toEqual(before);
  });
});

/** Two revisions, one in the trash, and a leftover. */
async function makeRepository(): Promise<TestRepository> {
  const scratch = scratchForTest();
  const source = join(scratch, 'disk.img');
  makeSparseFile(source, 1 << 20);
  const repository = await createRepository(join(scratch, 'repository'), source);
  await repository.backup();
  const { uuid } = await repository.backup();
  await repository.backup();
  await repository.backy('forget', '-r', uuid);
  cutOff(repository, uuid, '.partial');
  return repository;
}

/** Names, those in the trash too, and records. */
function contentsOf(repository: TestRepository): readonly string[] {
  const files = repository.revisionFiles();
  const trash = readdirSync(repository.path('.trash'), { recursive: true, encoding: 'utf8' });
  const records = files.filter((name) => name.endsWith('.rev'));
  return [...files, ...trash.sort(), ...records.map((name) => readFileSync(repository.path(name), 'utf8'))];
}
