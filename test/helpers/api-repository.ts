import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { initRepository, openRepository, type Repository } from '../../src/index.ts';
import { KIB, randomBytes } from './bytes.ts';

/** A repository that is used through the library, which takes a tenth of the time that processes do. */
export interface ApiRepository {
  readonly directory: string;
  /** The path of its source, a file beside the directory that the repository is in. */
  readonly source: string;
  /** The path of the image of its one revision. */
  readonly image: string;
  /** The path of one of its files. */
  path(name: string): string;
  open(options?: { readonly trustRepository?: boolean }): Promise<Repository>;
}

/** Makes a repository in `scratch/r/repository` of a small file, which is read without a snapshot, with one revision. */
export async function apiRepository(scratch: string): Promise<ApiRepository> {
  const [source, directory] = [join(scratch, 'disk.img'), join(scratch, 'r', 'repository')];
  const path = (name: string): string => join(directory, name);
  writeFileSync(source, randomBytes(64 * KIB));
  await initRepository(directory, { type: 'file', filename: source });
  const config = readFileSync(path('config'), 'utf8');
  writeFileSync(path('config'), config.replace(/^( *)type: file\n/m, '$&$1snapshot: off\n'));
  const open = (options = {}): Promise<Repository> => openRepository(directory, options);
  const result = await (await open()).backup({ tags: ['manual:first'] });
  return { directory, source, path, open, image: path(result?.record.uuid ?? '') };
}
