import { fstatSync, type Stats } from 'node:fs';
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { type BackyError, backyError } from '../errors.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';

/** A path, or the number of an open file descriptor that takes bytes in order. */
export type RestoreTarget = string | { readonly fd: number };

/** Begins the names of targets in a Ceph cluster. Files of such names can be named with their directory. */
export const RBD_PREFIX = 'rbd:';

const BLOCK_DEVICES = '/sys/block';

/** Whether a target is an image of a Ceph cluster. */
export function isRbdTarget(target: RestoreTarget): target is string {
  return typeof target === 'string' && target.startsWith(RBD_PREFIX);
}

/**
 * Refuses targets whose overwriting would destroy more than they hold: files of the repository, under whatever
 * name, and files that are in use as a disk. (Devices in use are refused when they are opened.)
 *
 * @param repository absolute path of the repository
 * @throws BACKY_TARGET_IN_REPOSITORY, BACKY_TARGET_BUSY
 */
export async function checkTarget(repository: string, target: RestoreTarget): Promise<void> {
  const path = typeof target === 'string' ? target : `descriptor ${target.fd}`;
  try {
    const isPath = typeof target === 'string';
    if (isPath && (await isInside(target, repository))) throw inRepository(path, repository);
    const facts = isPath ? await ignoringMissing(() => stat(target)) : fstatSync(target.fd);
    if (!facts?.isFile()) return;
    if (await isAmong(facts, await filesIn(repository), lstat)) throw inRepository(path, repository);
    if (await isAmong(facts, await loopFiles(), stat)) throw backyError('BACKY_TARGET_BUSY', { path });
  } catch (error) {
    throw fromNodeError(error);
  }
}

function inRepository(path: string, repository: string): BackyError {
  return backyError('BACKY_TARGET_IN_REPOSITORY', { path, repository });
}

/** Compares real paths: both may be reached through links. */
async function isInside(target: string, repository: string): Promise<boolean> {
  const path = relative(await realpath(repository), await realTarget(target));
  return path !== '..' && !path.startsWith('../');
}

/** The file need not exist yet; its directory must. */
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

/** The files that are attached as loop devices; none where there is no such thing. */
async function loopFiles(): Promise<readonly string[]> {
  const devices = await ignoringMissing(() => readdir(BLOCK_DEVICES));
  const loops = (devices ?? []).filter((name) => name.startsWith('loop'));
  const paths = loops.map((name) =>
    ignoringMissing(() => readFile(join(BLOCK_DEVICES, name, 'loop/backing_file'), 'utf8')),
  );
  return (await Promise.all(paths)).flatMap((path) => (path === undefined ? [] : [path.replace(/\n$/, '')]));
}

/** Whether one of `paths` is the very file, whatever its name. */
async function isAmong(
  { dev, ino }: Stats,
  paths: readonly string[],
  look: (path: string) => Promise<Stats>,
): Promise<boolean> {
  for (const path of paths) {
    const other = await ignoringMissing(() => look(path));
    if (other?.dev === dev && other.ino === ino) return true;
  }
  return false;
}

async function ignoringMissing<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isNodeError(error, 'ENOENT', 'ENOTDIR', 'ENXIO', 'ENODEV')) return undefined;
    throw error;
  }
}
