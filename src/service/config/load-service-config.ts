import { invalidConfig } from '../../config/config-file.ts';
import { asObject, type Field, member } from '../../domain/shape.ts';
import type { JobConfig, ServiceConfig } from '../model/service-config.ts';
import { decodeApi } from './decode-api.ts';
import { decodeGlobal } from './decode-global.ts';
import { decodeJob, type JobSurroundings } from './decode-job.ts';
import { decodeLimits, decodeWindows } from './decode-limits.ts';
import { decodeNotify } from './decode-notify.ts';
import { decodeSchedules } from './decode-schedules.ts';
import { type ConfigDocument, inDocument, orEmpty, readDocument, readIncluded } from './documents.ts';
import { checkKeysWithWarnings } from './old-keys.ts';

/** The file that the service reads by default. */
export const DEFAULT_CONFIG_PATH = '/etc/backy.conf';

/** The outcome of `backy config check`. */
export interface ConfigResult {
  readonly path: string;
  readonly baseDirectory: string;
  /** The names of the jobs. */
  readonly jobs: readonly string[];
  readonly warnings: readonly string[];
}

const KEYS = ['global', 'schedules', 'jobs', 'windows', 'limits', 'notify', 'api'] as const;
const INCLUDED_KEYS = ['schedules', 'jobs', 'windows'] as const;

/**
 * Reads the configuration of the service with all files that it includes.
 *
 * @param added files that are not there yet, to try them
 * @throws BACKY_CONFIG_INVALID with file, line and column, BACKY_IO
 */
export function loadServiceConfig(
  path: string = DEFAULT_CONFIG_PATH,
  added: readonly ConfigDocument[] = [],
): ServiceConfig {
  const main = readDocument(path);
  const included = [...readIncluded(main), ...added];
  const warnings: string[] = [];
  for (const document of [main, ...included])
    inDocument(document, () =>
      checkKeysWithWarnings(document.content, document === main ? KEYS : INCLUDED_KEYS, warnings),
    );
  const documents = [main, ...included];
  const { jobDefaults, ...global } = inDocument(main, () =>
    decodeGlobal(part(main, 'global'), path, warnings),
  );
  const schedules = merge(documents, 'schedules', decodeSchedules);
  const windows = merge(documents, 'windows', decodeWindows);
  const surroundings = { ...jobDefaults, baseDirectory: global.baseDirectory, schedules, windows, warnings };
  return {
    path,
    ...global,
    jobs: readJobs(documents, surroundings),
    schedules: [...schedules.keys()],
    windows,
    ...inDocument(main, () => ({
      limits: decodeLimits(part(main, 'limits')),
      notify: decodeNotify(member(main.content, 'notify')),
      api: decodeApi(part(main, 'api'), global.baseDirectory, warnings),
    })),
    warnings,
  };
}

function part({ content }: ConfigDocument, key: string): Field {
  return orEmpty(member(content, key));
}

/** The entries of a section in all files. One name in two files is a mistake. */
function merge<Value>(
  documents: readonly ConfigDocument[],
  key: string,
  decode: (section: Field) => ReadonlyMap<string, Value>,
): ReadonlyMap<string, Value> {
  const all = new Map<string, Value>();
  const origins = new Map<string, string>();
  for (const document of documents) {
    for (const [name, value] of inDocument(document, () => decode(part(document, key)))) {
      refuseTwin(document, [key, name], origins);
      all.set(name, value);
    }
  }
  return all;
}

function readJobs(
  documents: readonly ConfigDocument[],
  surroundings: JobSurroundings,
): ReadonlyMap<string, JobConfig> {
  const jobs = new Map<string, JobConfig>();
  const origins = new Map<string, string>();
  for (const document of documents) {
    const section = part(document, 'jobs');
    for (const name of Object.keys(inDocument(document, () => asObject(section, 'jobs by their names')))) {
      refuseTwin(document, ['jobs', name], origins);
      jobs.set(
        name,
        inDocument(document, () => decodeJob(name, member(section, name), surroundings)),
      );
    }
  }
  return jobs;
}

function refuseTwin(document: ConfigDocument, path: readonly string[], origins: Map<string, string>): void {
  const name = path.join('.');
  const other = origins.get(name);
  if (other !== undefined)
    throw invalidConfig(document.path, document.locate(path, 'key'), `${name} is in ${other} already`);
  origins.set(name, document.path);
}
