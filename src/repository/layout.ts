import { join, resolve } from 'node:path';
import { isRevisionId } from '../domain/revision-id.ts';
import { backyError } from '../errors.ts';

/** The absolute paths of everything in one repository. Nothing else in backy knows these names. */
export interface Layout {
  readonly directory: string;
  readonly config: string;
  readonly log: string;
  /** A writer of revisions or records holds this lock. */
  readonly writerLock: string;
  /** A remover of files holds this lock exclusively, and readers share it. */
  readonly removalLock: string;
  /** List of the unfinished restores; absent when there are none. */
  readonly restoring: string;
  /** A process that changes the list of unfinished restores holds this lock. */
  readonly restoresLock: string;
  /** Cache of the totals over all revisions. The records remain authoritative. */
  readonly totals: string;
  /** List of the snapshots that exist at sources. */
  readonly snapshots: string;
  /** Note of the last run of `backup`. */
  readonly lastRun: string;
  /** Directory of removed revisions that can still be brought back. */
  readonly trash: string;
  /** Symbolic links to the image of the newest good revision. */
  readonly imageLinks: readonly string[];
  /** Symbolic link to the record of the newest good revision. */
  readonly recordLink: string;
  /** Report about an image that was found damaged at `timestamp` (ISO 8601). */
  report(id: string, timestamp: string): string;
  /** Report about the repair of such an image, and the prefix of the files that keep its bad blocks. */
  repair(id: string, timestamp: string): { readonly report: string; readonly evidence: string };
  /** Place of an unreadable record after another one has replaced it. */
  setAside(id: string, timestamp: string): string;
  /** Files of one revision, sealed and unfinished. @throws BACKY_INVALID_ARGUMENT for an invalid id */
  files(id: string): RevisionFiles;
}

/** Absolute paths of the files of one revision. */
export interface RevisionFiles {
  readonly image: string;
  readonly index: string;
  readonly record: string;
  readonly partialImage: string;
  readonly partialIndex: string;
  /** The unfinished record. It exists from before the first written byte until the commit. */
  readonly unfinished: string;
}

export const INDEX_SUFFIX = '.hashes';
export const RECORD_SUFFIX = '.rev';
export const PARTIAL_SUFFIX = '.partial';
export const UNFINISHED_SUFFIX: string = RECORD_SUFFIX + PARTIAL_SUFFIX;

/**
 * The names in a repository that do not belong to a revision. The last two come from the Python backy. A new file of
 * the repository needs an entry here.
 */
export const REPOSITORY_NAMES: ReadonlySet<string> = new Set([
  ...['config', 'backy.log', '.backup', '.purge', '.revisions', '.trash', 'quarantine'],
  ...[
    'last',
    'latest',
    'last.rev',
    '.last-run',
    '.last-run.new',
    '.restoring',
    '.restoring.lock',
    '.snapshots',
  ],
  ...['chunks', '.purge_pending'],
]);

/** Name of a temporary file: process, counter, and time in nanoseconds since 1970. The engine uses the same form. */
const TEMPORARY = /^\.tmp-backy-\d{1,10}-\d{1,10}-([0-9a-f]{12,16})$/;

/** Returns a name for a temporary file of this process. @param nowMs milliseconds since 1970 */
export function temporaryName(count: number, nowMs: number): string {
  return `.tmp-backy-${process.pid}-${count}-${(BigInt(nowMs) * 1_000_000n).toString(16)}`;
}

/** Returns the creation time in the name of a temporary file, in milliseconds since 1970; undefined for other names. */
export function temporaryMadeAt(name: string): number | undefined {
  const nanoseconds = TEMPORARY.exec(name)?.[1];
  return nanoseconds === undefined ? undefined : Number(BigInt(`0x${nanoseconds}`) / 1_000_000n);
}

/** Returns the layout of a repository in `directory`. */
export function layoutOf(directory: string): Layout {
  const absolute = resolve(directory);
  const inside = (name: string): string => join(absolute, name);
  const finding = (id: string, timestamp: string): string =>
    inside(`quarantine/${checked(id)}.${timestamp.replace(/[-:.]/g, '')}`);
  return {
    directory: absolute,
    config: inside('config'),
    log: inside('backy.log'),
    writerLock: inside('.backup'),
    removalLock: inside('.purge'),
    restoring: inside('.restoring'),
    restoresLock: inside('.restoring.lock'),
    totals: inside('.revisions'),
    snapshots: inside('.snapshots'),
    lastRun: inside('.last-run'),
    trash: inside('.trash'),
    imageLinks: [inside('last'), inside('latest')],
    recordLink: inside('last.rev'),
    report: (id, timestamp) => `${finding(id, timestamp)}.report`,
    repair: (id, timestamp) => ({
      report: `${finding(id, timestamp)}.repair`,
      evidence: finding(id, timestamp),
    }),
    setAside: (id, timestamp) => finding(id, timestamp) + RECORD_SUFFIX,
    files: (id) => filesOf(inside(checked(id))),
  };
}

function filesOf(image: string): RevisionFiles {
  const index = image + INDEX_SUFFIX;
  return {
    image,
    index,
    record: image + RECORD_SUFFIX,
    partialImage: image + PARTIAL_SUFFIX,
    partialIndex: index + PARTIAL_SUFFIX,
    unfinished: image + UNFINISHED_SUFFIX,
  };
}

/** Every id passes this check before it becomes part of a path. */
function checked(id: string): string {
  if (isRevisionId(id)) return id;
  throw backyError('BACKY_INVALID_ARGUMENT', { detail: `${JSON.stringify(id)} is not the id of a revision` });
}
