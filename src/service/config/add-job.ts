import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { sourceOfName, typeOfSource } from '../../config/source-name.ts';
import { formatSource } from '../../config/write-config.ts';
import { backyError } from '../../errors.ts';
import { fromNodeError } from '../../io-error.ts';
import { loadEngine } from '../../native/load-engine.ts';
import type { JobConfig } from '../model/service-config.ts';
import { includeDirectory, parseDocument, readDocument } from './documents.ts';
import { loadServiceConfig } from './load-service-config.ts';
import { prepareRepository } from './prepare-repository.ts';

/** A new job. */
export interface AddOptions {
  readonly name: string;
  /** The type of the source, as `init` takes it. */
  readonly type: string;
  /** The source, as `init` takes it. */
  readonly source: string;
  /** The name of its schedule; by default `default`, or the only one there is. */
  readonly schedule?: string | undefined;
}

/** A job that was added. */
export interface AddedJob {
  readonly job: JobConfig;
  /** The file that was written. */
  readonly file: string;
}

/** The outcome of `backy add`. */
export interface AddResult {
  readonly job: string;
  /** The file that was written. */
  readonly file: string;
  /** The repository of the job. */
  readonly directory: string;
  /** The name of its schedule. */
  readonly schedule: string;
  /** Whether a service runs and knows of the job. */
  readonly served: boolean;
}

const PRIVATE_FILE = 0o600;

/**
 * Writes a job into the directory of included files, and makes its repository. Nothing is written before the whole
 * configuration is valid with it.
 *
 * @param path of the configuration
 * @throws BACKY_CONFIG_INVALID, BACKY_SOURCE_TYPE_UNKNOWN, BACKY_SOURCE_NAME, BACKY_USAGE, BACKY_IO
 */
export async function addJob(path: string, options: AddOptions): Promise<AddedJob> {
  const directory = includeDirectory(readDocument(path));
  if (directory === undefined)
    throw backyError('BACKY_USAGE', {
      problem: `${path} includes no directory for new jobs`,
      advice: 'Add "include: /etc/backy.d/*.yml" to its section global',
    });
  const file = join(directory, `${options.name}.yml`);
  const text = textOf(path, options);
  const config = loadServiceConfig(path, [parseDocument(file, text)]);
  const job = config.jobs.get(options.name);
  if (!job) throw new Error(`the job ${options.name} is not in its own file`);
  await createFile(directory, file, text);
  await prepareRepository(job);
  return { job, file };
}

function textOf(path: string, { name, type, source, schedule }: AddOptions): string {
  const settings = {
    schedule: schedule ?? defaultSchedule(path),
    source: formatSource(sourceOfName(typeOfSource(type), source)),
  };
  return dump({ jobs: { [name]: settings } }, { flowLevel: 3, flowBracketPadding: true, lineWidth: -1 });
}

function defaultSchedule(path: string): string {
  const { schedules } = loadServiceConfig(path);
  const [only = 'default', ...others] = schedules;
  return others.length === 0 ? only : 'default';
}

async function createFile(directory: string, file: string, text: string): Promise<void> {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw fromNodeError(error);
  }
  const engine = await loadEngine();
  await engine.createFile(file, text, PRIVATE_FILE);
}
