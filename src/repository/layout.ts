import { join, resolve } from 'node:path';
import { isRevisionId } from '../domain/revision-id.ts';
import { backyError } from '../errors.ts';

/** Where everything of one repository lies: absolute paths. Nothing else in backy knows these names. */
export interface Layout {
  readonly directory: string;
  readonly config: string;
  readonly log: string;
  /** Held by who writes a revision or a record. */
  readonly backupLock: string;
  /** Held by who removes files, shared by who needs them to stay. */
  readonly purgeLock: string;
  /** Which restores have begun and are not complete; absent: none. */
  readonly restoring: string;
  /** Held by who changes that. */
  readonly restoringLock: string;
  /** Cache of the totals over all revisions; the records are the truth. */
  readonly totals: string;
  /** List of the snapshots that were left at sources. */
  readonly snapshots: string;
  /** Note of the last run of `backup`. */
  readonly lastRun: string;
  /** Directory of what was removed and can still be brought back. */
  readonly trash: string;
  /** Symbolic links to the image of the newest good revision. */
  readonly imageLinks: readonly string[];
  /** Symbolic link to its record. */
  readonly recordLink: string;
  /** The report about a damaged image, found so at a time in ISO 8601. */
  report(id: string, timestamp: string): string;
  /** What became of its bad blocks, likewise; and what the names of files begin with that have their bytes. */
  repair(id: string, timestamp: string): { readonly report: string; readonly evidence: string };
  /** Where a record that cannot be read is kept, once there is another in its place. */
  setAside(id: string, timestamp: string): string;
  /** The files of one revision, sealed and in the making. */
  files(id: string): RevisionFiles;
}

/** Absolute paths of the files of one revision. */
export interface RevisionFiles {
  readonly image: string;
  readonly index: string;
  readonly record: string;
  readonly partialImage: string;
  readonly partialIndex: string;
  /** The unfinished record: it lies there from before the first byte is written until the record takes its place. */
  readonly unfinished: string;
}

export const INDEX_SUFFIX = '.hashes';
export const RECORD_SUFFIX = '.rev';
export const PARTIAL_SUFFIX = '.partial';
export const UNFINISHED_SUFFIX: string = RECORD_SUFFIX + PARTIAL_SUFFIX;

/**
 * The names, beside those of revisions, that belong to a repository: of this backy, then of the Python one. Whoever adds
 * a file to a repository adds its name here.
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

/** A temporary file of the engine: its process, a count, and the time in nanoseconds since 1970. */
const TEMPORARY = /^\.tmp-backy-\d{1,10}-\d{1,10}-([0-9a-f]{12,16})$/;

/** A name for a temporary file of this process, in the same form. */
export function temporaryName(count: number, nowMs: number): string {
  return `.tmp-backy-${process.pid}-${count}-${(BigInt(nowMs) * 1_000_000n).toString(16)}`;
}

/** When a file of such a name was made, in milliseconds since 1970; undefined for a name that the engine does not give. */
export function temporaryMadeAt(name: string): number | undefined {
  const nanoseconds = TEMPORARY.exec(name)?.[1];
  return nanoseconds === undefined ? undefined : Number(BigInt(`0x${nanoseconds}`) / 1_000_000n);
}

/** The layout of a repository in `directory`. */
export function layoutOf(directory: string): Layout {
  const absolute = resolve(directory);
  const inside = (name: string): string => join(absolute, name);
  const finding = (id: string, timestamp: string): string =>
    inside(`quarantine/${checked(id)}.${timestamp.replace(/[-:.]/g, '')}`);
  return {
    directory: absolute,
    config: inside('config'),
    log: inside('backy.log'),
    backupLock: inside('.backup'),
    purgeLock: inside('.purge'),
    restoring: inside('.restoring'),
    restoringLock: inside('.restoring.lock'),
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

/** The one gate between ids from anywhere and paths. */
function checked(id: string): string {
  if (isRevisionId(id)) return id;
  throw backyError('BACKY_INVALID_ARGUMENT', { detail: `${JSON.stringify(id)} is not the id of a revision` });
}
