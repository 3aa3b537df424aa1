import {
  asList,
  asObject,
  asText,
  asWholeNumber,
  checkNesting,
  type Field,
  member,
  root,
  ShapeError,
} from '../domain/shape.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { readPlainFile } from '../plain-file.ts';
import type { Layout } from './layout.ts';
import { withRestoresLock } from './lock.ts';

/** A file or, without an inode, a block device. */
export interface Place {
  /** `MAJOR:MINOR` of the block device, or of the file's filesystem. */
  readonly device: string;
  readonly inode?: string;
  /** Creation time in nanoseconds since 1970, because filesystems reuse inode numbers. Absent if unknown. */
  readonly birth?: string;
}

/** Marks an existing target from before the first write of a restore until the restore is complete. */
export interface RestoreMark {
  /** An absolute path, or `rbd:POOL/IMAGE`. */
  readonly target: string;
  /** The target itself, then everything that contains it, such as the disk of a partition. Empty for a Ceph image. */
  readonly places: readonly Place[];
  /** Path of the target in /dev/mapper, if any: the only name of an inactive volume. */
  readonly mapper?: string;
  /** The id of the revision. */
  readonly revision: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly pid: number;
  /** Id of the machine's boot: device numbers are valid for one boot only. Absent if unknown. */
  readonly boot?: string;
}

/** The marks of a repository, and the problem with the file if it is damaged. */
export interface RestoreMarks {
  readonly marks: readonly RestoreMark[];
  readonly problem?: string;
}

const FORMAT_VERSION = 1;
const PRIVATE_FILE = 0o600;
/** Unknown keys are written back. Deeper nesting would exhaust the stack. */
const DEEPEST_NESTING = 16;

/** Reads the list of unfinished restores, oldest first. @throws BACKY_IO */
export function readRestoreMarks({ restoring }: Layout): RestoreMarks {
  try {
    return { marks: parseMarks(readPlainFile(restoring).toString()) };
  } catch (error) {
    if (isNodeError(error, 'ENOENT')) return { marks: [] };
    const known = isNodeError(error, 'ELOOP') ? new SyntaxError('it is a symbolic link') : error;
    if (!(known instanceof ShapeError) && !(known instanceof SyntaxError)) throw fromNodeError(error);
    return { marks: [], problem: `${restoring} is not as backy wrote it: ${known.message}` };
  }
}

/**
 * Changes the list of unfinished restores, durably and atomically.
 *
 * @throws BACKY_IO, BACKY_LOCKED
 */
export function changeRestoreMarks(
  engine: Engine,
  layout: Layout,
  change: (marks: readonly RestoreMark[]) => readonly RestoreMark[],
): Promise<void> {
  return withRestoresLock(engine, layout, async () => {
    const { marks } = readRestoreMarks(layout);
    const restores = change(marks);
    if (restores.length === 0) return engine.removeFiles([layout.restoring]);
    const text = `${JSON.stringify({ formatVersion: FORMAT_VERSION, restores }, null, 2)}\n`;
    return engine.replaceFile(layout.restoring, text, PRIVATE_FILE);
  });
}

function parseMarks(text: string): readonly RestoreMark[] {
  const list = root(JSON.parse(text));
  checkNesting(list, DEEPEST_NESTING);
  return asList(member(list, 'restores'), 'a list of restores').map(parseMark);
}

/** Parses one mark and keeps unknown keys. */
function parseMark(field: Field): RestoreMark {
  const text = (key: string): string => asText(member(field, key), 'a text');
  const optional = (key: string): object => {
    const { value } = member(field, key);
    return value === undefined ? {} : { [key]: text(key) };
  };
  return {
    ...asObject(field),
    target: text('target'),
    places: asList(member(field, 'places'), 'a list of places').map(parsePlace),
    ...optional('mapper'),
    revision: text('revision'),
    startedAt: text('startedAt'),
    pid: asWholeNumber(member(field, 'pid'), 'the number of a process'),
    ...optional('boot'),
  };
}

function parsePlace(field: Field): Place {
  const optional = (key: string, expected: string): object => {
    const part = member(field, key);
    return part.value === undefined ? {} : { [key]: asText(part, expected) };
  };
  return {
    device: asText(member(field, 'device'), 'the number of a device'),
    ...optional('inode', 'the number of a file'),
    ...optional('birth', 'a time in nanoseconds'),
  };
}
