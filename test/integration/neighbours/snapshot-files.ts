import { readdirSync } from 'node:fs';
import type { RevisionRecord } from '../../../src/domain/revision.ts';
import { readRecord, type TestRepository } from '../../helpers/repository.ts';

/** Reads the records of a repository. */
export function recordsOf(repository: TestRepository): readonly RevisionRecord[] {
  const names = repository.revisionFiles().filter((name) => name.endsWith('.rev'));
  return names.map((name) => readRecord(repository, name.slice(0, -'.rev'.length)));
}

/** Lists the snapshots of sources in a directory. */
export function snapshotsIn(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith('.') && name.includes('.backy-'))
    .sort();
}
