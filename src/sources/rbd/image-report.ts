import {
  asList,
  asObject,
  asText,
  asWholeNumber,
  type Field,
  member,
  root,
  ShapeError,
} from '../../domain/shape.ts';
import { backyError } from '../../errors.ts';

/** An image as its cluster describes it. */
export interface RbdImageFacts {
  /** Unique in the pool. It survives a rename of the image. */
  readonly id: string;
  /** Bytes. */
  readonly size: number;
  /** False for the copy of a mirrored image, which Ceph does not let anybody write to. */
  readonly isPrimary: boolean;
  /** The separate pool of the image's data, if there is one. */
  readonly dataPool?: string;
}

/** A snapshot of an image. */
export interface RbdSnapshot {
  /** Unique in the pool. Later snapshots have higher ids. */
  readonly id: number;
  readonly name: string;
  /** Size of the image in the snapshot, in bytes. */
  readonly size: number;
}

/** Parses the output of `rbd info`. @throws BACKY_TOOL_FAILED */
export function readFacts(output: string): RbdImageFacts {
  return reading(output, (image) => {
    // Images of format 1 have no id, but their prefix is just as unique.
    const id = member(image, 'id');
    const mirroring = member(image, 'mirroring');
    const dataPool = member(image, 'data_pool');
    return {
      id: asText(id.value === undefined ? member(image, 'block_name_prefix') : id, 'an id'),
      size: asWholeNumber(member(image, 'size'), 'a number of bytes'),
      isPrimary: mirroring.value === undefined || member(mirroring, 'primary').value !== false,
      ...(dataPool.value === undefined ? {} : { dataPool: asText(dataPool, 'a pool') }),
    };
  });
}

/** Parses the output of `rbd snap ls`. @throws BACKY_TOOL_FAILED */
export function readSnapshots(output: string): readonly RbdSnapshot[] {
  return reading(output, (list) =>
    asList(list, 'a list of snapshots').map((snapshot) => ({
      id: asWholeNumber(member(snapshot, 'id'), 'a number'),
      name: asText(member(snapshot, 'name'), 'a name'),
      size: asWholeNumber(member(snapshot, 'size'), 'a number of bytes'),
    })),
  );
}

/** Parses the output of `rbd image-meta list`, which is empty or a list without metadata. @throws BACKY_TOOL_FAILED */
export function readMetadata(output: string): ReadonlyMap<string, string> {
  if (output.trim() === '') return new Map();
  return reading(output, (list) => {
    if (Array.isArray(list.value)) return new Map();
    const keys = Object.keys(asObject(list));
    return new Map(keys.map((key) => [key, asText(member(list, key), 'a text')]));
  });
}

/** Parses the output of `rbd status`. @returns the addresses of the watchers @throws BACKY_TOOL_FAILED */
export function readWatchers(output: string): readonly string[] {
  return reading(output, (status) =>
    asList(member(status, 'watchers'), 'a list of watchers').map((watcher) =>
      asText(member(watcher, 'address'), 'an address'),
    ),
  );
}

function reading<Result>(output: string, read: (output: Field) => Result): Result {
  try {
    return read(root(JSON.parse(output)));
  } catch (cause) {
    if (!(cause instanceof SyntaxError) && !(cause instanceof ShapeError)) throw cause;
    const reason = `its output is not understood: ${cause.message}`;
    throw backyError('BACKY_TOOL_FAILED', { tool: 'rbd', reason }, { cause });
  }
}
