import { type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { counted } from '../../domain/counted.ts';
import { whoElseWrites } from '../../domain/file-trust.ts';
import type { JobConfig, ServiceConfig } from '../model/service-config.ts';
import { readDocument, readIncluded } from './documents.ts';

/** The number of jobs that a warning names. */
const NAMED_JOBS = 5;
const OTHERS_READ = 0o004;

/**
 * The faults of the machine under a valid configuration: a base directory or sources that are missing, and files of the
 * configuration that others may write, or read although they hold secrets. One sentence each.
 *
 * @param user the effective user id of this process
 */
export function siteWarnings(config: ServiceConfig, user: number | undefined): readonly string[] {
  return [
    ...config.warnings,
    ...(config.jobs.size === 0 ? ['there are no jobs: nothing will be backed up'] : []),
    ...warningsOfBase(config.baseDirectory),
    ...warningsOfSources([...config.jobs.values()]),
    ...filesOf(config.path).flatMap((path) => warningsOfFile(path, holdsSecrets(config), user)),
  ];
}

function warningsOfBase(directory: string): readonly string[] {
  const stats = look(directory);
  if (stats?.isDirectory()) return [];
  const problem = stats ? 'is not a directory' : 'is missing';
  return [
    `the base directory ${directory} ${problem}: no job can run, and the service does not make the directory`,
  ];
}

function warningsOfSources(jobs: readonly JobConfig[]): readonly string[] {
  const missing = jobs.filter(
    ({ directory, source }) => source.type === 'file' && !look(resolve(directory, source.filename)),
  );
  if (missing.length === 0) return [];
  const names = missing.slice(0, NAMED_JOBS).map(({ name }) => name);
  const more = missing.length > NAMED_JOBS ? [`${missing.length - NAMED_JOBS} more`] : [];
  return [
    `the source of ${counted(missing.length, 'job')} is out of reach: ${[...names, ...more].join(', ')}`,
  ];
}

function warningsOfFile(path: string, isSecret: boolean, user: number | undefined): readonly string[] {
  const stats = look(path);
  if (!stats || user === undefined) return [];
  const writer = whoElseWrites(stats, user);
  return [
    ...(writer === undefined ? [] : [`${path} decides which programs the service runs, but ${writer}`]),
    ...(isSecret && (stats.mode & OTHERS_READ) !== 0
      ? [`${path} is readable by every user, but the configuration holds secrets: chmod 600 hides them`]
      : []),
  ];
}

/** A URL of a chat is a secret: who knows it may write there. */
function holdsSecrets({ notify, warnings }: ServiceConfig): boolean {
  const isTold = notify.some(({ channel }) => 'url' in channel);
  return (
    isTold || warnings.some((warning) => /in clear text|consul_acl_token|cli-default|peers/.test(warning))
  );
}

function filesOf(path: string): readonly string[] {
  return [path, ...readIncluded(readDocument(path)).map((document) => document.path)];
}

/** The facts about a file; undefined if it cannot be reached, whatever the reason. */
function look(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
