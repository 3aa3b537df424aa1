import { chmodSync, cpSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MIB, makeSparseFile, randomBytes, writeAt } from './bytes.ts';

const FIXTURES: string = fileURLToPath(new URL('../fixtures/python-backy', import.meta.url));

/** Every shape of which there is a fixture, the oldest first. */
export const SHAPES = ['2014-03', '2014-04', '2.0b1', '2.0', '2.1', '2.3', '2.4', '2.5', 'head'] as const;

/** Not a multiple of anything. */
export const IMAGE_BYTES: number = 3 * MIB + 4096;

/** A repository as the Python backy left it, with a source beside it. */
export interface LegacyRepository {
  readonly directory: string;
  readonly source: string;
  /** The ids of its records, sorted. */
  readonly ids: readonly string[];
}

/**
 * Lays out the repository of a shape in a directory: its records and configuration, an image for each record with the
 * modes of then, and the links of the versions that made them.
 */
export function makeLegacyRepository(scratch: string, shape: string): LegacyRepository {
  const directory = join(scratch, shape);
  cpSync(join(FIXTURES, shape), directory, { recursive: true });
  const ids = readdirSync(directory)
    .filter((name) => name.endsWith('.rev'))
    .map((name) => name.slice(0, -'.rev'.length))
    .sort();
  for (const [number, id] of ids.entries()) {
    makeImage(join(directory, id), number);
    for (const name of [id, `${id}.rev`]) chmodSync(join(directory, name), 0o440);
  }
  const newest = newestOf(directory, ids);
  if (shape !== '2.5' && shape !== 'head') {
    symlinkSync(newest, join(directory, 'last'));
    symlinkSync(`${newest}.rev`, join(directory, 'last.rev'));
  }
  const source = join(scratch, 'disk.img');
  makeImage(source, 1);
  return { directory, source, ids };
}

function makeImage(path: string, number: number): void {
  makeSparseFile(path, IMAGE_BYTES);
  writeAt(path, MIB, Buffer.alloc(300_000, number + 1));
  writeAt(path, 3 * MIB, randomBytes(1000));
}

/** By what the records say of their time, which begins the same way within one shape. */
function newestOf(directory: string, ids: readonly string[]): string {
  const time = (id: string): string =>
    /timestamp"?: ([^,\n]*)/.exec(readFileSync(join(directory, `${id}.rev`), 'utf8'))?.[1] ?? '';
  return [...ids].sort((a, b) => (time(a) < time(b) ? -1 : 1)).at(-1) ?? '';
}
