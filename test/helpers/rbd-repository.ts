import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RevisionRecord } from '../../src/domain/revision.ts';
import type { CephCluster } from './ceph.ts';
import { mustRun, type Outcome, run, searchPath } from './command.ts';
import { PROGRAM } from './repository.ts';
import { makeScratch } from './scratch.ts';

/** A repository for an image of a cluster. */
export interface RbdRepository {
  readonly directory: string;
  /** The command line, whatever comes of it. */
  backy(...args: readonly string[]): Promise<Outcome>;
  /** A backup that must succeed. */
  backup(): Promise<RevisionRecord>;
  /** A backup that must fail; returns its error. */
  fail(): Promise<{ readonly code: string; readonly message: string; readonly remedy: string }>;
  /** The path of the image of a revision. */
  image(record: RevisionRecord): string;
  /** Adds lines to the source in the configuration. @returns makes it again what it was */
  configure(...lines: readonly string[]): () => void;
  /** Puts a script in the place of rbd, which finds the real one in $RBD; without one, rbd is rbd again. */
  replaceRbd(script?: string): void;
}

/** Makes a repository in a directory. The environment of all its commands is `env`. */
export async function createRbdRepository(
  cluster: CephCluster,
  directory: string,
  image: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RbdRepository> {
  const programs = makeScratch(directory);
  const repository = join(directory, 'repository');
  const options = {
    env: { ...cluster.env, PATH: `${programs}:${searchPath}`, RBD: '/usr/bin/rbd', ...env },
  };
  await mustRun(process.execPath, [PROGRAM, '-b', repository, 'init', 'ceph-rbd', image], options);
  const backy = (...args: readonly string[]): Promise<Outcome> =>
    run(process.execPath, [PROGRAM, '-b', repository, ...args], options);
  let count = 0;
  const backup = (): Promise<Outcome> => {
    count += 1;
    return backy('--json', 'backup', `manual:${count}`);
  };
  return {
    directory: repository,
    backy,
    backup: async () => {
      const { exitCode, stdout, stderr } = await backup();
      if (exitCode !== 0) throw new Error(`the backup failed: ${stderr}`);
      const { record }: { record: RevisionRecord } = JSON.parse(stdout);
      return record;
    },
    fail: async () => {
      const { exitCode, stderr } = await backup();
      if (exitCode !== 1) throw new Error(`the backup did not fail: ${exitCode}`);
      return JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
    },
    image: ({ uuid }) => join(repository, uuid),
    configure: (...lines) => {
      const path = join(repository, 'config');
      const text = readFileSync(path, 'utf8');
      writeFileSync(
        path,
        text.replace('source:\n', ['source:', ...lines.map((line) => `  ${line}`), ''].join('\n')),
      );
      return () => writeFileSync(path, text);
    },
    replaceRbd: (script) => {
      const path = join(programs, 'rbd');
      writeFileSync(path, `#!/bin/sh\n${script ?? 'exec "$RBD" "$@"'}\n`);
      chmodSync(path, 0o755);
    },
  };
}
