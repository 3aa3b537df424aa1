import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createRepository,
  MIB,
  type Outcome,
  randomBytes,
  scratchForTest,
  type TestRepository,
} from '../tests.ts';

/** Creates a repository for a source of 1 MiB. */
export async function smallRepository(): Promise<{
  readonly scratch: string;
  readonly repository: TestRepository;
}> {
  const scratch = scratchForTest();
  const source = join(scratch, 'disk.img');
  writeFileSync(source, randomBytes(MIB));
  return { scratch, repository: await createRepository(join(scratch, 'repository'), source) };
}

/** Joins standard output and standard error, as a terminal shows them. */
export function said({ stdout, stderr }: Outcome): string {
  return stdout + stderr;
}
