import { createHash } from 'node:crypto';
import { existsSync, lstatSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isOwnRevisionId } from '../domain/revision-id.ts';
import { fromNodeError, isIoError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';

/** The hidden snapshots of one file that belong to one repository. */
export interface FileSnapshots {
  /** Clones the file as it is now. @throws BACKY_REFLINK_UNSUPPORTED, BACKY_IO */
  take(uuid: string): Promise<{ readonly path: string; readonly size: number }>;
  /** Where the snapshot of a revision is, if it is anywhere. */
  pathOf(uuid: string): Promise<string>;
  /** What to compare with: the snapshot of the parent, or if that has become its image, the image. */
  ofParent(uuid: string, image: string | undefined): Promise<string>;
  /**
   * Removes all but that of the revision `keep`, and that too if it has become the image. Nothing but backy should have
   * a name of an image: whoever moved the snapshot into the place of the source would change the revision.
   *
   * @returns the paths of what was removed
   */
  tidy(keep: string | undefined): Promise<readonly string[]>;
}

/** Tells repositories apart that back up the same file: none may remove the snapshots of another. */
const OWNER_DIGITS = 8;

/**
 * Snapshots lie beside the file itself, wherever links to it are, because that is where its filesystem is:
 * `.NAME.backy-OWNER-UUID`, OWNER standing for the repository.
 */
export function fileSnapshots(path: string, repository: string, engine: Engine): FileSnapshots {
  const place = async (): Promise<{ readonly file: string; readonly prefix: string }> => {
    try {
      const file = await realpath(path);
      const owner = createHash('sha256')
        .update(await realpath(repository))
        .digest('hex');
      return { file, prefix: `.${basename(file)}.backy-${owner.slice(0, OWNER_DIGITS)}-` };
    } catch (error) {
      throw fromNodeError(error);
    }
  };
  const pathOf = async (uuid: string): Promise<string> => {
    const { file, prefix } = await place();
    return join(dirname(file), prefix + uuid);
  };
  return {
    pathOf,
    take: async (uuid) => {
      const { file } = await place();
      const snapshot = await pathOf(uuid);
      const { size } = await engine.takeSnapshot({ source: file, snapshot, repository });
      return { path: snapshot, size };
    },
    ofParent: async (uuid, image) => {
      const snapshot = await pathOf(uuid);
      return image === undefined || existsSync(snapshot) ? snapshot : image;
    },
    tidy: async (keep) => {
      const isOld = ({ name, uuid }: { readonly name: string; readonly uuid: string }): boolean =>
        uuid !== keep || isImage(name);
      const old = (await list(place)).filter(isOld).map(({ name }) => name);
      if (old.length > 0) await engine.removeFiles(old);
      return old;
    },
  };
}

/** Whether a snapshot has a second name, which only an image has. */
function isImage(snapshot: string): boolean {
  return (lstatSync(snapshot, { throwIfNoEntry: false })?.nlink ?? 0) > 1;
}

async function list(place: () => Promise<{ readonly file: string; readonly prefix: string }>) {
  try {
    const { file, prefix } = await place();
    const directory = dirname(file);
    const names = (await readdir(directory)).filter((name) => name.startsWith(prefix)).sort();
    return names
      .map((name) => ({ name: join(directory, name), uuid: name.slice(prefix.length) }))
      .filter(({ uuid }) => isOwnRevisionId(uuid));
  } catch (error) {
    // Where the source is gone nobody can say where its snapshots were; the backup will say that it is gone.
    if (isIoError(fromNodeError(error), 'ENOENT', 'ENOTDIR')) return [];
    throw fromNodeError(error);
  }
}
