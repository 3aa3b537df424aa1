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

/** A file, or with no inode a block device. */
export interface Place {
  /** Of a device its own number, of a file that of its filesystem: `MAJOR:MINOR`. */
  readonly device: string;
  readonly inode?: string;
  /** Nanoseconds since 1970; filesystems give the inode of a removed file to a new one. Absent where nothing tells. */
  readonly birth?: string;
}

/** A restore onto something that was there before: from before its first write until it is complete. */
export interface RestoreMark {
  /** As a restore names it: an absolute path, or `rbd:POOL/IMAGE`. */
  readonly target: string;
  /** What that was, and what it is a part of, such as the disk of a partition. Empty for an image of Ceph. */
  readonly places: readonly Place[];
  /** Its path in /dev/mapper, if it has one: a volume that is not active has no other name. */
  readonly mapper?: string;
  /** The id of the revision. */
  readonly revision: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly pid: number;
  /** Which start of the machine it was: numbers of devices hold until the next one. Absent where nothing tells. */
  readonly boot?: string;
}

/** The marks of a repository, and what is wrong with the file if it is not as backy wrote it. */
export interface RestoreMarks {
  readonly marks: readonly RestoreMark[];
  readonly problem?: string;
}

const FORMAT_VERSION = 1;
const PRIVATE_FILE = 0o600;
/** Keys that are not known are written again, and what is nested without end would exhaust the stack then. */
const DEEPEST_NESTING = 16;

/** The restores that have begun and are not complete, the oldest first. @throws BACKY_IO */
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
 * Changes the list of unfinished restores, durably and at once.
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

/** Keys that are not known are carried along. */
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
