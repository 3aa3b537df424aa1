import { mkdirSync, statSync } from 'node:fs';
import { dump } from 'js-yaml';
import { DEFAULT_GRACE_MS } from '../../config/config.ts';
import { formatSource, HEADING } from '../../config/write-config.ts';
import { isTag } from '../../domain/tags.ts';
import { backyError } from '../../errors.ts';
import { fromNodeError, isNodeError } from '../../io-error.ts';
import { loadEngine } from '../../native/load-engine.ts';
import { readPlainFile } from '../../plain-file.ts';
import { layoutOf } from '../../repository/layout.ts';
import type { JobConfig } from '../model/service-config.ts';

const PRIVATE_DIRECTORY = 0o700;
const PRIVATE_FILE = 0o600;
const SECOND_MS = 1000;

/**
 * Makes the repository of a job if it is missing, and writes its configuration if that differs. The base directory is
 * never made: a filesystem that is not mounted must not be backed up into. Revisions are not touched.
 *
 * @returns whether something was written
 * @throws BACKY_NO_PLACE, BACKY_IO
 */
export async function prepareRepository(job: JobConfig): Promise<boolean> {
  const { config } = layoutOf(job.directory);
  makeDirectory(job.directory);
  const text = configOf(job);
  if (textOf(config) === text) return false;
  const engine = await loadEngine();
  await engine.replaceFile(config, text, PRIVATE_FILE);
  return true;
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
  const style = { flowLevel: 2, flowBracketPadding: true, lineWidth: -1, noRefs: true };
  // Tags of old configurations may be called anything; those of new ones are checked.
  const heading = [...schedule.keys()].every(isTag) ? HEADING : '# The configuration of a job.';
  return `${heading}\n# The service writes this file: change /etc/backy.conf instead.\n\n${dump(settings, style)}`;
}

function clockTime(atMs: number): string {
  const minutes = Math.floor(atMs / 60_000);
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
}

function makeDirectory(directory: string): void {
  try {
    if (!statSync(directory).isDirectory())
      throw backyError('BACKY_NO_PLACE', { path: directory, reason: 'it is not a directory' });
  } catch (error) {
    if (!isNodeError(error, 'ENOENT')) throw fromNodeError(error);
    try {
      mkdirSync(directory, { mode: PRIVATE_DIRECTORY });
    } catch (cause) {
      throw fromNodeError(cause);
    }
  }
}

function textOf(path: string): string | undefined {
  try {
    return readPlainFile(path).toString();
  } catch (error) {
    if (isNodeError(error, 'ENOENT')) return undefined;
    throw fromNodeError(error);
  }
}
