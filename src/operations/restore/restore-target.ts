import { fstatSync, type Stats } from 'node:fs';
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { RBD_PREFIX } from '../../domain/rbd-image.ts';
import { type BackyError, backyError } from '../../errors.ts';
import { fromNodeError, ifPresent, isNodeError } from '../../io-error.ts';
import { repositoryAround } from '../../repository/owner.ts';

const UNREACHABLE = ['ENOENT', 'ENOTDIR', 'ENXIO', 'ENODEV'];

/** A path, or the number of an open file descriptor that takes bytes in order. */
export type RestoreTarget = string | { readonly fd: number };

/** Whether a target is an image of a Ceph cluster. A file with such a name can be written as `./rbd:…`. */
export function isRbdTarget(target: RestoreTarget): target is string {
  return typeof target === 'string' && target.startsWith(RBD_PREFIX);
}

/**
 * Refuses files of a repository as targets, and files of this repository under any other name.
 *
 * @param repository absolute path of the repository
 * @throws BACKY_TARGET_IN_REPOSITORY, BACKY_IO
 */
export async function checkTarget(repository: string, target: RestoreTarget): Promise<void> {
  const path = typeof target === 'string' ? target : `descriptor ${target.fd}`;
  try {
    const isPath = typeof target === 'string';
    if (isPath) await checkPath(repository, target);
    const facts = isPath ? await ifPresent(() => stat(target), UNREACHABLE) : fstatSync(target.fd);
    if (!facts?.isFile()) return;
    if (await isAmong(facts, await filesIn(repository))) throw inRepository(path, repository);
  } catch (error) {
    throw fromNodeError(error);
  }
}

/**
 * Refuses a broken link. A new file gets its name when it is complete, and could not replace the link.
 *
 * @throws BACKY_IO
 */
export async function checkLink(path: string): Promise<void> {
  try {
    const isLink = (await ifPresent(() => lstat(path), UNREACHABLE))?.isSymbolicLink();
    if (!isLink || (await ifPresent(() => stat(path), UNREACHABLE))) return;
    const end = resolve(dirname(path), await readlink(path));
    const reason = `it is a symbolic link to ${end}, which does not exist`;
    const advice = 'Create that file, or remove the link, and restore again';
    const details = { errno: 'ENOENT' };
    throw backyError('BACKY_IO', { action: 'restore to', path, reason, advice }, { details });
  } catch (error) {
    throw fromNodeError(error);
  }
}

async function checkPath(repository: string, target: string): Promise<void> {
  const real = await realTarget(target);
  if (await isInside(real, repository)) throw inRepository(target, repository);
  const other = repositoryAround(real);
  if (other !== undefined) throw inRepository(target, other);
}

function inRepository(path: string, repository: string): BackyError {
  return backyError('BACKY_TARGET_IN_REPOSITORY', { path, repository });
}

/** Whether a path is inside a repository. Compares real paths, because links may lead to both. */
async function isInside(real: string, repository: string): Promise<boolean> {
  const path = relative(await realpath(repository), real);
  return path !== '..' && !path.startsWith('../');
}

/** Returns the real path of a target. The file need not exist yet, but its directory must. */
async function realTarget(target: string): Promise<string> {
  try {
    return await realpath(target);
  } catch (error) {
    if (!isNodeError(error, 'ENOENT')) throw error;
    return join(await realpath(dirname(target)), basename(target));
  }
}

async function filesIn(directory: string): Promise<readonly string[]> {
  return (await readdir(directory)).map((name) => join(directory, name));
}

/** Whether one of `paths` is the same file. */
async function isAmong({ dev, ino }: Stats, paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    const other = await ifPresent(() => lstat(path), UNREACHABLE);
    if (other?.dev === dev && other.ino === ino) return true;
  }
  return false;
}
