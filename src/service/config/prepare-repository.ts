import { statSync } from 'node:fs';
import { DEFAULT_GRACE_MS } from '../../config/config.ts';
import { parseConfig } from '../../config/load-config.ts';
import { formatSettings, formatSource, HEADING } from '../../config/write-config.ts';
import { isTag } from '../../domain/tags.ts';
import { backyError, isBackyError } from '../../errors.ts';
import { fromNodeError, isNodeError, unfitFile } from '../../io-error.ts';
import { loadEngine } from '../../native/load-engine.ts';
import { readPlainFile } from '../../plain-file.ts';
import { hasChunks } from '../../repository/chunked.ts';
import { type Layout, layoutOf } from '../../repository/layout.ts';
import { refuseStrangers } from '../../repository/strangers.ts';
import type { JobConfig } from '../model/service-config.ts';

const PRIVATE_FILE = 0o600;
const SECOND_MS = 1000;

/**
 * Makes the repository of a job if it is missing, and writes its configuration if that differs. The base directory is
 * never made: a filesystem that is not mounted must not be backed up into. Revisions are not touched.
 *
 * @returns whether something was written
 * @throws BACKY_NO_PLACE, BACKY_FILE_UNFIT, BACKY_CHUNKED_REPOSITORY, BACKY_DIRECTORY_OCCUPIED, BACKY_IO
 */
export async function prepareRepository(job: JobConfig): Promise<boolean> {
  const layout = layoutOf(job.directory);
  await makeDirectory(job.directory);
  const text = configOf(job);
  const current = textOf(layout.config);
  if (current === text) return false;
  refuseForeign(layout, current);
  const engine = await loadEngine();
  await engine.replaceFile(layout.config, text, PRIVATE_FILE);
  return true;
}

/** Refuses a directory that holds chunks of the Python backy, or files of somebody else. */
function refuseForeign(layout: Layout, config: string | undefined): void {
  if (hasChunks(layout)) throw backyError('BACKY_CHUNKED_REPOSITORY', { path: layout.directory });
  if (config === undefined) refuseStrangers(layout);
  else refuseChunked(layout, config);
}

/** A broken configuration is replaced: the one of the service is complete. */
function refuseChunked(layout: Layout, config: string): void {
  try {
    parseConfig(config, layout.config);
  } catch (error) {
    if (!isBackyError(error, 'BACKY_CONFIG_INVALID')) throw error;
  }
}

/** The configuration of a job's repository, as its file. */
export function configOf({ source, schedule, timeZone, graceMs, ...job }: JobConfig): string {
  const rules = [...schedule].map(([tag, { intervalMs, months, atMs, keep }]) => [
    tag,
    {
      interval: months === undefined ? `${intervalMs / SECOND_MS}s` : `${months}mo`,
      keep,
      ...(atMs === undefined ? {} : { at: clockTime(atMs) }),
    },
  ]);
  const settings = {
    source: formatSource(source),
    schedule: Object.fromEntries(rules),
    ...(timeZone === undefined ? {} : { 'time-zone': timeZone }),
    ...(graceMs === DEFAULT_GRACE_MS ? {} : { 'grace-time': `${graceMs / SECOND_MS}s` }),
    ...(job.requireReflink ? { 'require-reflink': true } : {}),
    ...(job.rate === undefined ? {} : { rate: `${job.rate}B` }),
    ...(job.idle ? { idle: true } : {}),
  };
  // Tags of old configurations may be called anything; those of new ones are checked.
  const heading = [...schedule.keys()].every(isTag) ? HEADING : '# The configuration of a job.';
  return `${heading}\n# The service writes this file: change /etc/backy.conf instead.\n\n${formatSettings(settings)}`;
}

function clockTime(atMs: number): string {
  const minutes = Math.floor(atMs / 60_000);
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
}

/** The directory may be a link to another disk. A new one is durable before anything is written into it. */
async function makeDirectory(directory: string): Promise<void> {
  try {
    if (statSync(directory).isDirectory()) return;
  } catch (error) {
    if (!isNodeError(error, 'ENOENT')) throw fromNodeError(error);
    const engine = await loadEngine();
    return engine.makeDirectory(directory);
  }
  throw backyError('BACKY_NO_PLACE', { path: directory, reason: 'it is not a directory' });
}

function textOf(path: string): string | undefined {
  try {
    return readPlainFile(path).toString();
  } catch (error) {
    if (isNodeError(error, 'ENOENT')) return undefined;
    throw error instanceof SyntaxError ? unfitFile(path, error) : fromNodeError(error);
  }
}
