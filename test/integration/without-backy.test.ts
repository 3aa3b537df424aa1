import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { KIB, MIB, makeSparseFile, randomBytes, writeAt } from '../helpers/bytes.ts';
import { run } from '../helpers/command.ts';
import { describeWith } from '../helpers/needs.ts';
import { createRepository, type TestRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';

const script = fileURLToPath(new URL('../../docs/reference/verify-revision.sh', import.meta.url));

/** The documented script proves what backy claims, on a machine that has lost backy. */
describeWith(['command b3sum'], 'checking a revision without backy', () => {
  it('finds every block as it was, zeros and a short last block included', async () => {
    const repository = await sparseRepository();
    const { uuid } = await repository.backup();

    const { exitCode, stdout } = await check(repository, 'last');

    expect(stdout).toBe(`${repository.path(uuid)}: all 41 blocks are as they were\n`);
    expect(exitCode).toBe(0);
  });

  it('accepts an empty image', async () => {
    const repository = await sparseRepository();
    writeFileSync(repository.source, '');
    await repository.backup();
    expect(await check(repository, 'latest')).toMatchObject({ exitCode: 0 });
  });

  it('names the damaged block, also where there were zeros', async () => {
    const repository = await sparseRepository();
    const { uuid } = await repository.backup();
    chmodSync(repository.path(uuid), 0o600);
    writeAt(repository.path(uuid), 3 * 256 * KIB + 5, randomBytes(1));
    writeAt(repository.path(uuid), 9 * MIB, randomBytes(8));

    const { exitCode, stdout } = await check(repository, uuid);

    expect(stdout.match(/^block \d+/gm)).toEqual(['block 3', 'block 36']);
    expect(exitCode).toBe(1);
  });

  it('notices a record that was edited, also when its checksum was', async () => {
    const repository = await sparseRepository();
    const { uuid } = await repository.backup();
    const path = repository.path(`${uuid}.rev`);
    const record = readFileSync(path, 'utf8');
    chmodSync(path, 0o600);
    for (const [from, to] of [
      ['manual:1', 'manual:2'],
      ['"checksum"', '"chdcksum"'],
      ['sha256-', 'sha257-'],
    ] as const) {
      writeFileSync(path, record.replace(from, to));
      const { exitCode, stdout } = await check(repository, uuid);
      expect(stdout, to).toContain('the record is not as backy wrote it');
      expect(exitCode, to).toBe(1);
    }
    writeFileSync(path, JSON.stringify({ ...JSON.parse(record), checksum: undefined }, undefined, 2));
    expect(await check(repository, uuid)).toMatchObject({ exitCode: 0 });
  });

  it('notices another index than the record names', async () => {
    const repository = await sparseRepository();
    const { uuid } = await repository.backup();
    chmodSync(repository.path(`${uuid}.hashes`), 0o600);
    writeAt(repository.path(`${uuid}.hashes`), 4096, randomBytes(32));

    const { exitCode, stdout } = await check(repository, uuid);

    expect(stdout).toContain('the index is not the one that the record names');
    expect(exitCode).toBe(1);
  });
});

function check(repository: TestRepository, name: string) {
  return run('bash', [script, repository.path(name)]);
}

/** Data, a long hole, and a last block that is short. */
async function sparseRepository(): Promise<TestRepository> {
  const scratch = scratchForTest();
  const source = join(scratch, 'disk.img');
  makeSparseFile(source, 10 * MIB + 1000);
  writeAt(source, 0, randomBytes(2 * MIB));
  writeAt(source, 10 * MIB, randomBytes(1000));
  return createRepository(join(scratch, 'repository'), source);
}
