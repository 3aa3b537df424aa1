import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from '../config/config.ts';
import { type FileRights, whoElseWrites } from '../domain/file-trust.ts';
import type { LeftSnapshots } from '../domain/left-snapshot.ts';
import { type BackyError, backyError } from '../errors.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { openSnapshotList } from '../repository/left-snapshots.ts';
import type { Context } from './context.ts';

/** Directories that a person trusts whoever owns them, separated by colons; `/srv/backy/*` stands for all in /srv/backy. */
const TRUSTED = 'BACKY_TRUSTED_REPOSITORIES';
const ALL_BELOW = '/*';

/**
 * Refuses a repository that somebody else may steer: another user owns its directory or its configuration, or may write
 * to them. The configuration decides which programs run and what root reads, and what is noted beside it decides what
 * is removed elsewhere. The directories above are not looked at: whatever their owners put in the place of the
 * repository must belong to this user or to root as well.
 *
 * @throws BACKY_UNTRUSTED, BACKY_IO
 */
export function requireTrust(context: Context): void {
  const { directory, config } = context.layout;
  for (const path of [directory, config]) {
    const rights = rightsOf(path);
    // Without a configuration nothing can be taken from it, and what needs one says so.
    if (rights) checkRights(context, path, rights);
  }
}

/**
 * The configuration of a repository that is trusted. It is the very file that is read whose owner counts.
 *
 * @throws BACKY_UNTRUSTED, and what `loadConfig` throws
 */
export async function loadTrustedConfig(context: Context): Promise<Config> {
  requireTrust(context);
  const { loadConfig } = await import('../config/load-config.ts');
  const { config } = context.layout;
  return loadConfig(config, (stats) => checkRights(context, config, stats));
}

/** The list of snapshots at the sources of a repository, likewise. @throws BACKY_UNTRUSTED, BACKY_IO */
export function openTrustedSnapshotList(context: Context, engine: Engine): Promise<LeftSnapshots> {
  const { layout } = context;
  return openSnapshotList(engine, layout, (stats) => checkRights(context, layout.snapshots, stats));
}

function rightsOf(path: string): FileRights | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw fromNodeError(error);
  }
}

function checkRights(context: Context, path: string, rights: FileRights): void {
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

/** The path itself where nothing is. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (!isNodeError(error)) throw error;
    return path;
  }
}
