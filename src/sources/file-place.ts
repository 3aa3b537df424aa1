import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isBackyError } from '../errors.ts';
import { fromNodeError, isIoError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';

/** The file behind the path of a source. */
export interface FilePlace {
  /** Real path of the file. */
  readonly file: string;
  /** Prefix for the names of new snapshots. */
  readonly prefix: string;
}

/** Digits that distinguish repositories of the same file, for people who look at the names. */
const OWNER_DIGITS = 8;

/** Finds the file behind the path of a source. @throws BACKY_IO, BACKY_LINK_FOREIGN */
export async function placeOf(path: string, repository: string, engine: Engine): Promise<FilePlace> {
  try {
    const file = await engine.realPath(path);
    const owner = createHash('sha256')
      .update(await realpath(repository))
      .digest('hex');
    return { file, prefix: `.${basename(file)}.backy-${owner.slice(0, OWNER_DIGITS)}-` };
  } catch (error) {
    throw fromNodeError(error);
  }
}

/** Returns the directory of the file; undefined when the source is gone. @throws BACKY_IO */
export async function reachableDirectory(place: () => Promise<FilePlace>): Promise<string | undefined> {
  try {
    const directory = dirname((await place()).file);
    return statSync(directory).isDirectory() ? directory : undefined;
  } catch (error) {
    if (isSourceGone(error)) return undefined;
    throw fromNodeError(error);
  }
}

/** Returns whether an error means that the source is missing, or that another user's link has replaced it. */
export function isSourceGone(error: unknown): boolean {
  const failure = fromNodeError(error);
  return isIoError(failure, 'ENOENT', 'ENOTDIR') || isBackyError(failure, 'BACKY_LINK_FOREIGN');
}
