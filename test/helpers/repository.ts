import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RevisionRecord } from '../../src/domain/revision.ts';
import type { Repository } from '../../src/operations/open-repository.ts';
import type { Status } from '../../src/operations/status/status.ts';
import type { VerifyResult } from '../../src/operations/verify/verify.ts';
import { type CommandOptions, mustRun, type Outcome, run } from './command.ts';

/** The program that users run. */
export const PROGRAM: string = fileURLToPath(new URL('../../bin/backy.js', import.meta.url));

const PUBLISHED = new URL('../../dist/index.js', import.meta.url).href;

/** Files of a repository that are no part of a revision. */
const CONSTANT = [
  '.backup',
  '.last-run',
  '.last-run.new',
  '.purge',
  '.restoring',
  '.restoring.lock',
  '.revisions',
  '.snapshots',
  '.trash',
  'quarantine',
  'backy.log',
  'config',
  'last',
  'last.rev',
  'latest',
];

/** A repository, and the two ways to use it: the command line, and the published API, which starts no process. */
export interface TestRepository {
  readonly directory: string;
  readonly source: string;
  /** Runs a command on it. */
  backy(...args: readonly string[]): Promise<Outcome>;
  /** Takes a revision, which must work: through the API, or with options for a command by the command line. */
  backup(options?: CommandOptions): Promise<RevisionRecord>;
  status(): Promise<Status>;
  /** Verifies all revisions, which need not be good. */
  verify(): Promise<VerifyResult>;
  /** The path of one of its files. */
  path(name: string): string;
  /** The names of what belongs to revisions, sealed or not. */
  revisionFiles(): readonly string[];
}

/** The API as it is published; its types are those of the source. */
function published(): Promise<typeof import('../../src/index.ts')> {
  return import(PUBLISHED);
}

/** Runs the program on a directory. */
export function backy(
  directory: string,
  args: readonly string[],
  options?: CommandOptions,
): Promise<Outcome> {
  return run(process.execPath, [PROGRAM, '-b', directory, ...args], options);
}

/** Makes a repository for a source. */
export async function createRepository(
  directory: string,
  source: string,
  ...options: readonly string[]
): Promise<TestRepository> {
  await mustRun(process.execPath, [PROGRAM, '-b', directory, 'init', ...options, 'file', source]);
  const path = (name: string): string => join(directory, name);
  const open = async (): Promise<Repository> =>
    (await published()).openRepository(directory, { log: () => {} });
  let count = 0;
  return {
    directory,
    source,
    path,
    backy: (...args) => backy(directory, args),
    backup: async (commandOptions) => {
      count += 1;
      if (!commandOptions) {
        const result = await (await open()).backup({ tags: [`manual:${count}`] });
        if (result) return result.record;
        throw new Error('no revision was taken');
      }
      const args = [PROGRAM, '-b', directory, '--json', 'backup', `manual:${count}`];
      const { record }: { record: RevisionRecord } = JSON.parse(
        await mustRun(process.execPath, args, commandOptions),
      );
      return record;
    },
    status: async () => (await open()).status(),
    verify: async () => (await open()).verify(),
    revisionFiles: () =>
      readdirSync(directory)
        .filter((name) => !CONSTANT.includes(name))
        .sort(),
  };
}

/** Has backups of a repository read its source as it is, without a snapshot. */
export function readLive({ path }: TestRepository): void {
  const config = readFileSync(path('config'), 'utf8');
  writeFileSync(path('config'), config.replace(/^( *)type: file\n/m, '$&$1snapshot: off\n'));
}

/** Makes a repository whose images are written, and not cloned from a source on the same filesystem. */
export async function createLiveRepository(
  ...args: Parameters<typeof createRepository>
): Promise<TestRepository> {
  const repository = await createRepository(...args);
  readLive(repository);
  return repository;
}

/** The names of the files of sealed revisions. */
export function filesOf(...records: readonly { readonly uuid: string }[]): readonly string[] {
  return records.flatMap(({ uuid }) => [uuid, `${uuid}.hashes`, `${uuid}.rev`]).sort();
}

/** Whether there is anything that belongs to no sealed revision. */
export function isTorn(repository: TestRepository): boolean {
  const names = repository.revisionFiles();
  const sealed = names.filter((name) => name.endsWith('.rev'));
  return names.length !== 3 * sealed.length;
}

/** Leaves what a run leaves that is killed: the unfinished record of a revision, and some of its files. */
export function cutOff(
  repository: TestRepository,
  uuid: string,
  ...suffixes: readonly string[]
): readonly string[] {
  const record = { formatVersion: 1, uuid, timestamp: new Date().toISOString(), unfinished: 'revision' };
  writeFileSync(repository.path(`${uuid}.rev.partial`), `${JSON.stringify(record, undefined, 2)}\n`);
  for (const suffix of suffixes) writeFileSync(repository.path(uuid + suffix), 'torn');
  return [...suffixes, '.rev.partial'].map((suffix) => uuid + suffix);
}

/** The record of a revision as it stands on disk. */
export function readRecord(repository: TestRepository, uuid: string): RevisionRecord {
  return JSON.parse(readFileSync(repository.path(`${uuid}.rev`), 'utf8'));
}
