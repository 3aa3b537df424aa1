import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isRevisionId } from '../domain/revision-id.ts';
import { backyError } from '../errors.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';
import { INDEX_SUFFIX, type Layout, RECORD_SUFFIX, REPOSITORY_NAMES, UNFINISHED_SUFFIX } from './layout.ts';
import { isTemporary } from './temporary.ts';

/** Names of rotated logs. */
const ROTATED_LOG = /^backy\.log[.-]/;
/** A directory that mkfs creates at the root of a filesystem. */
const LOST_AND_FOUND = 'lost+found';
/** Maximum number of names in an error. */
const NAMED = 5;

/**
 * Refuses a directory with foreign files. `-b .` is the default, so an accident is likely.
 *
 * @throws BACKY_DIRECTORY_OCCUPIED, BACKY_IO
 */
export function refuseStrangers(layout: Layout): void {
  const strangers = strangersIn(layout);
  if (strangers.length === 0) return;
  const others = strangers.length - NAMED;
  const named = strangers.slice(0, NAMED).join(', ');
  const names = others > 0 ? `${named} and ${others} more` : named;
  throw backyError('BACKY_DIRECTORY_OCCUPIED', { path: layout.directory, names });
}

/**
 * Lists the names in a directory that do not belong to a repository, sorted. The name of an image alone proves nothing:
 * another file of the same revision must exist as well.
 *
 * @returns an empty list when the directory does not exist
 * @throws BACKY_IO
 */
export function strangersIn(layout: Layout): readonly string[] {
  const names = namesIn(layout.directory);
  const all = new Set(names);
  return names.filter((name) => !belongs(layout, name, all)).sort();
}

function belongs(layout: Layout, name: string, names: ReadonlySet<string>): boolean {
  if (REPOSITORY_NAMES.has(name) || ROTATED_LOG.test(name)) return true;
  if (name === LOST_AND_FOUND) return lstatSync(join(layout.directory, name)).isDirectory();
  if (isTemporary(layout.directory, name)) return true;
  const [id = ''] = name.split('.');
  return isRevisionId(id) && isOfRevision(name.slice(id.length), id, names);
}

/** Returns whether the suffix belongs to a revision that another file confirms. */
function isOfRevision(suffix: string, id: string, names: ReadonlySet<string>): boolean {
  const has = (...suffixes: readonly string[]): boolean => suffixes.some((each) => names.has(id + each));
  switch (suffix) {
    case '':
    case INDEX_SUFFIX:
      return has(RECORD_SUFFIX, UNFINISHED_SUFFIX) || (has('') && has(INDEX_SUFFIX));
    case RECORD_SUFFIX:
    case UNFINISHED_SUFFIX:
      return true;
    default:
      return suffix.endsWith('.partial') && has(UNFINISHED_SUFFIX);
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isNodeError(error, 'ENOENT')) return [];
    throw fromNodeError(error);
  }
}
