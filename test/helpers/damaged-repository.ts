import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import type { RevisionRecord } from '../../src/domain/revision.ts';
import { flipByte, MIB, makeSparseFile, randomBytes, writeAt } from './bytes.ts';
import { createRepository, filesOf, type TestRepository } from './repository.ts';
import { scratchForTest } from './scratch.ts';

/** A repository that something happened to. */
export interface DamagedRepository {
  /** The directory that the directory of the repository is in. */
  readonly scratch: string;
  readonly repository: TestRepository;
  /** The older revision: all zeros, and well. */
  readonly good: RevisionRecord;
  /** The newer revision, with other bytes in its first 2 MiB and its last 100 bytes; the one that is damaged. */
  readonly record: RevisionRecord;
}

/**
 * Makes a repository of a disk of 33 MiB and 100 bytes with two revisions, for one test.
 *
 * @param offsets where to flip a byte of the newer image
 */
export async function damagedRepository(offsets: readonly number[] = []): Promise<DamagedRepository> {
  const scratch = scratchForTest();
  const source = join(scratch, 'disk.img');
  makeSparseFile(source, 33 * MIB + 100);
  const repository = await createRepository(join(scratch, 'repository'), source);
  const good = await repository.backup();
  writeAt(source, 0, randomBytes(2 * MIB));
  writeAt(source, 33 * MIB, randomBytes(100));
  const record = await repository.backup();
  // Damage needs no permission, but who is not root needs it to do damage.
  for (const name of filesOf(record)) chmodSync(repository.path(name), 0o600);
  for (const offset of offsets) flipByte(repository.path(record.uuid), offset);
  return { scratch, repository, good, record };
}
