import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from '../config/config.ts';
import { type FileRights, whoElseWrites } from '../domain/file-trust.ts';
import type { LeftSnapshots } from '../domain/left-snapshot.ts';
import { type BackyError, backyError } from '../errors.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';
import { openSnapshotList } from '../repository/left-snapshots.ts';
import type { EngineContext, PlainContext } from './context.ts';

/**
 * Environment variable with directories to trust regardless of their owners, separated by colons. `/srv/backy/*` stands
 * for all directories in /srv/backy.
 */
const TRUSTED = 'BACKY_TRUSTED_REPOSITORIES';
const ALL_BELOW = '/*';

/**
 * Refuses a repository that another user controls: somebody else owns its directory or its configuration, or may write
 * to them. The configuration decides which programs run and which files root reads, and the list of snapshots decides
 * what is removed at the sources. Parent directories need no check, because a replaced repository would have to belong
 * to this user or to root as well.
 *
 * @throws BACKY_UNTRUSTED, BACKY_IO
 */
export function requireTrust(context: PlainContext): void {
  const { directory, config } = context.layout;
  for (const path of [directory, config]) {
    const rights = rightsOf(path);
    // A missing configuration is harmless here. Operations that need it report that.
    if (rights) checkRights(context, path, rights);
  }
}

/**
 * Loads the configuration of a trusted repository. It checks the owner of the opened file, so the file cannot be
 * replaced in between.
 *
 * @throws BACKY_UNTRUSTED, and what `loadConfig` throws
 */
export async function loadTrustedConfig(context: PlainContext): Promise<Config> {
  requireTrust(context);
  const { loadConfig } = await import('../config/load-config.ts');
  const { config } = context.layout;
  return loadConfig(config, (stats) => checkRights(context, config, stats));
}

/** Opens the list of snapshots at the sources with the same check. @throws BACKY_UNTRUSTED, BACKY_IO */
export function openTrustedSnapshotList(context: EngineContext): Promise<LeftSnapshots> {
  const { layout, engine } = context;
  return openSnapshotList(engine, layout, (stats) => checkRights(context, layout.snapshots, stats));
}

function rightsOf(path: string): FileRights | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw fromNodeError(error);
  }
}

function checkRights(context: PlainContext, path: string, rights: FileRights): void {
  const user = process.geteuid?.();
  const reason = user === undefined ? undefined : whoElseWrites(rights, user);
  if (reason === undefined || context.isTrusted || isListed(context.layout.directory)) return;
  throw untrusted(context.layout.directory, path, reason);
}

function untrusted(directory: string, path: string, reason: string): BackyError {
  return backyError('BACKY_UNTRUSTED', { path, reason, directory });
}

function isListed(directory: string): boolean {
  const real = realPath(directory);
  return (process.env[TRUSTED] ?? '').split(':').some((entry) => {
    if (!entry.startsWith('/')) return false;
    if (!entry.endsWith(ALL_BELOW)) return realPath(entry) === real;
    return realPath(entry.slice(0, -ALL_BELOW.length) || '/') === dirname(real);
  });
}

/** Returns the path itself if it does not exist. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (!isNodeError(error)) throw error;
    return path;
  }
}
