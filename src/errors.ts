/**
 * The table of all errors. Codes are stable; texts may change. `{name}` in a text is replaced by a fact, and the compiler
 * checks that every fact is given.
 */
const ERRORS = {
  // The repository and its configuration
  BACKY_NO_REPOSITORY: {
    message: 'There is no repository in {path}',
    remedy: 'Create one there with "backy init TYPE SOURCE", or name its directory with -b',
  },
  BACKY_CONFIG_MISSING: {
    message: '{path} is missing, although there are records of revisions in its directory: {records}',
    remedy:
      'Bring it back, or write a new one with "backy init TYPE SOURCE", which leaves revisions alone; each image is a plain file that dd copies',
  },
  BACKY_CHUNKED_REPOSITORY: {
    message:
      '{path} is a chunked repository of the Python backy: its revisions are maps of chunks, not images',
    remedy: 'Restore from it with the Python backy 2.5, and take new backups into another directory',
  },
  BACKY_CONFIG_EXISTS: {
    message: '{path} exists already',
    remedy: 'Edit that file to change source or schedule, or name another directory with -b',
  },
  BACKY_DIRECTORY_OCCUPIED: {
    message: '{path} holds files that do not belong to a repository: {names}',
    remedy:
      'Name a new or empty directory with -b; "backy init --force" accepts this one and leaves those files alone',
  },
  BACKY_CONFIG_INVALID: {
    message: '{path}:{line}:{column}: {problem}',
    remedy: 'Correct the file and try again',
  },
  BACKY_UNTRUSTED: {
    message: '{path} is not trusted, because {reason}',
    remedy:
      'Look at the file config in {directory}, then say --trust-repository (trustRepository in a program), name the directory in BACKY_TRUSTED_REPOSITORIES, or make it yours with chown and "chmod go-w"; "restore" to a file, "find", "status" and "verify" work without',
  },
  BACKY_FILE_UNFIT: {
    message: 'Nothing is written to {path}: {reason}',
    remedy:
      '"ls -li {path}" shows what it is, "find DIR -xdev -samefile {path}" its other names; remove what does not belong there',
  },
  BACKY_LOCKED: {
    message: 'Another {work} is running in {path} ({holder})',
    remedy: 'Wait until it has finished; a process that died holds no lock',
  },

  // The source
  BACKY_SOURCE_TYPE_UNKNOWN: {
    message: 'There is no source type "{type}"',
    remedy: 'The known types are: {known}',
  },
  BACKY_SOURCE_MISSING: {
    message: 'The source {path} does not exist',
    remedy: 'Attach it, or correct the source in the file config of the repository',
  },
  BACKY_SOURCE_UNREADABLE: {
    message: 'The source {path} cannot be read: {reason}',
    remedy: 'Run backy as a user who may read it',
  },
  BACKY_SOURCE_KIND: {
    message: 'The source {path} is neither a file nor a block device',
    remedy: 'Name a disk image or a block device as the source',
  },
  BACKY_SOURCE_FORMAT: {
    message: 'The source {name} is a {format} image that is not complete by itself: {elsewhere}',
    remedy:
      'Make one file of it with "qemu-img convert -O raw"; if it is a raw disk whose guest wrote such bytes, set format: raw in the source of the configuration',
  },
  BACKY_SOURCE_MOUNTED: {
    message: 'The source {path} is mounted or otherwise in use',
    remedy:
      'Unmount it, or back up a snapshot of it; to read it anyway, set allow-mounted: true in its configuration',
  },
  BACKY_SOURCE_RESIZED: {
    message: 'The size of the source {path} changed while it was read',
    remedy: 'Back up again when its size no longer changes',
  },
  BACKY_SOURCE_SHORT: {
    message: 'The source {path} ended early, at byte {offset}',
    remedy: 'Check the source and back up again',
  },
  BACKY_TOO_LARGE: {
    message: '{path} has {size}, more than the limit of {limit}',
    remedy:
      'Check that it is the right disk; size-limit in the configuration raises the limit, to less than 8PiB',
  },
  BACKY_SOURCE_RESTORING: {
    message: 'The source {path} is not complete: {reason}',
    remedy: '{advice}',
  },
  BACKY_SOURCE_DIFFERS: {
    message: 'The source {path} has other data when it is read again, at byte {offset}',
    remedy: 'Check the storage of the source and the memory of this machine before you trust either',
  },
  BACKY_DIFF_DAMAGED: {
    message: 'The stream of changes from {path} is malformed at byte {offset}: {detail}',
    remedy: 'Back up again; if it happens again, report it with the versions of backy and Ceph',
  },
  BACKY_PROGRAM_FAILED: {
    message: 'The program behind {path} failed: {detail}',
    remedy: 'Correct the reported problem and try again',
  },
  BACKY_SOURCE_NAME: {
    message: '"{name}" does not name a source of the type {type}',
    remedy: 'Name {expected}',
  },
  BACKY_SOURCE_UNFIT: {
    message: 'The source {source} cannot be backed up: {reason}',
    remedy: '{advice}',
  },
  BACKY_SNAPSHOT_FAILED: {
    message: 'No snapshot of the source {source} could be made: {reason}',
    remedy: '{advice}',
  },
  BACKY_SNAPSHOT_REPLACED: {
    message: 'The snapshot {path} is not the file that was made for this backup: {detail}',
    remedy: 'Find out who else writes to the directory of the source, then back up again',
  },
  BACKY_SNAPSHOT_LOST: {
    message: 'The snapshot {snapshot} was lost while it was read: {reason}',
    remedy: '{advice}',
  },
  BACKY_CLUSTER_UNREACHABLE: {
    message: 'The Ceph cluster of {source} does not answer: {reason}',
    remedy:
      'Check that its monitors and OSDs can be reached from here, and the user, keyring and configuration that rbd uses',
  },
  BACKY_TOOL_MISSING: {
    message: 'The program {tool} is missing',
    remedy: 'Install it; on Debian it is in the package {package}',
  },
  BACKY_TOOL_FAILED: {
    message: '{tool} failed: {reason}',
    remedy: 'Run it by hand for details; its manual page explains its messages',
  },

  // Tags and revisions
  BACKY_TAG_INVALID: {
    message: '"{tag}" is not a tag',
    remedy:
      'A tag is up to 64 letters, digits, dots, colons, dashes or underscores and begins with a letter or digit',
  },
  BACKY_TAG_UNKNOWN: {
    message: 'The schedule has no tag "{tag}"',
    remedy: '{suggestion}',
  },
  BACKY_REVISION_UNKNOWN: {
    message: 'No revision matches "{spec}": {reason}',
    remedy: '"backy status" lists the revisions',
  },
  BACKY_REVISION_AMBIGUOUS: {
    message: '"{spec}" matches {count} revisions: {matches}',
    remedy: '{advice}',
  },
  BACKY_REVISION_SPEC_INVALID: {
    message: '"{spec}" is not a revision spec: at column {column} there is {found}; expected {expected}',
    remedy:
      'Examples are 0, last, tag:daily, 2026-01-01..2026-01-31 and last(tag:daily & not(trust:distrusted))',
  },

  BACKY_TAGS_DIFFER: {
    message: 'Revision {uuid} has the tags {found}, not {expected}',
    remedy: 'Nothing was changed; look at "backy status" and decide again',
  },
  BACKY_HOLD_INVALID: {
    message: '{problem}',
    remedy: 'Give a reason for people to read, and an end such as 2027-01-31 or 2027-01-31T12:00',
  },

  // Removing revisions
  BACKY_LAST_GOOD: {
    message: 'Revision {uuid} is the last good one of {path}',
    remedy: 'Take a backup first, or use --yes-the-last to remove it anyway',
  },
  BACKY_HELD: {
    message: 'Revision {uuid} is held: {reason}',
    remedy: 'Release it first with "backy release -r {uuid}", if the reason no longer applies',
  },
  BACKY_REVISION_BUSY: {
    message: 'The image {path} is in use: {holders}',
    remedy: '{advice}; the next run tries again',
  },
  BACKY_EXPIRY_STOPPED: {
    message: 'Nothing expires in {path}: {problem}',
    remedy: 'Check "backy expire -n" and the clock; "backy expire --yes" carries out the plan anyway',
  },
  BACKY_NOT_IN_TRASH: {
    message: 'No removed revision matches "{spec}": {reason}',
    remedy: '"backy status" lists what is in the trash, and until when',
  },

  BACKY_RECORD_MISSING: {
    message: 'The image {path} has no record',
    remedy:
      'Give it one with "backy adopt {uuid}", or remove it with "backy forget -r {uuid}"; until then it is left alone, and dd copies it',
  },
  BACKY_NOT_ADOPTABLE: {
    message: '{path} has no image of the id "{id}" whose record is missing or cannot be read',
    remedy: '"backy status" lists the images without a record; give whole ids',
  },
  BACKY_RECORD_DAMAGED: {
    message: 'The record {path} is damaged: {problem}',
    remedy: 'Use another revision; dd can still copy the image beside it, but nothing proves that it is good',
  },

  // Writing, checking and restoring images
  BACKY_REFLINK_UNSUPPORTED: {
    message: 'The filesystem of {path} cannot share blocks between files: {detail}',
    remedy:
      'Use btrfs, XFS or another filesystem with reflinks, or take require-reflink out of the configuration',
  },
  BACKY_SEAL_REFUSED: {
    message: 'The file {path} cannot be sealed, because others can change it: {detail}',
    remedy: 'Find out who else can write to the repository, then back up again',
  },
  BACKY_READ_BACK: {
    message: 'Data written to {path} reads back differently at byte {offset}',
    remedy: 'Check the storage below it before you trust it again',
  },
  BACKY_INDEX_DAMAGED: {
    message: 'The block index {path} is damaged: {detail}',
    remedy: 'Use another revision; dd can still copy the image beside it, but nothing proves that it is good',
  },
  BACKY_IMAGE_DAMAGED: {
    message: 'The image {path} is damaged: {ranges}',
    remedy: 'Use another revision, or restore the good blocks of this one with --force',
  },
  BACKY_RESTORE_INCOMPLETE: {
    message: 'Not everything was restored from {path}: {ranges}',
    remedy: 'These ranges hold no valid data in the target; take them from another revision',
  },
  BACKY_TARGET_NAME: {
    message: '"{target}" does not name a target',
    remedy: 'After "rbd:", name {expected}',
  },
  BACKY_TARGET_MISSING: {
    message: 'The target {path} does not exist',
    remedy: 'Create it with "{command}" and restore again',
  },
  BACKY_TARGET_SMALL: {
    message: 'The target {path} is too small: the revision has {size}',
    remedy: 'Restore to a larger device or to a new file',
  },
  BACKY_TARGET_BUSY: {
    message: 'The target {path} is in use: {holders}',
    remedy: '{advice}, or restore to another target',
  },
  BACKY_TARGET_KIND: {
    message: 'The target {path} is {kind}, neither a file nor a block device',
    remedy: 'Name a new file, an existing file, a block device, or - for standard output',
  },
  BACKY_TARGET_PROTECTED: {
    message: 'The target {path} cannot be written: {reason}',
    remedy: '{advice}, or restore to another target',
  },
  BACKY_TARGET_STALLED: {
    message: 'The target {path} accepts no data: {reason}',
    remedy: '{advice}',
  },
  BACKY_CLONE_REFUSED: {
    message: 'The target {path} cannot be a clone of the image: {reason}',
    remedy: 'Restore without --clone, which takes any target and checks every block',
  },
  BACKY_TARGET_IN_REPOSITORY: {
    message: 'The target {path} belongs to the repository {repository}',
    remedy: 'Restore to a place outside of the repository',
  },

  // Files that another user may have placed
  BACKY_LINK_FOREIGN: {
    message: '{path} leads through a symbolic link that does not count: {detail}',
    remedy: 'Name the file itself, or have root or the owner of the file make the link',
  },
  BACKY_FILE_FOREIGN: {
    message: '{path} may have been put there by somebody else: {detail}',
    remedy: 'See who made it; then take it over with chown and chmod 600, or name another file',
  },
  BACKY_FILE_REPLACED: {
    message: '{path} was replaced by another file while backy worked on it',
    remedy: 'See who renames files in its directory, and run it again',
  },
  BACKY_LOG_KIND: {
    message: 'The log {path} is {kind}',
    remedy: 'Name a file, a terminal, or a pipe of your own that is read',
  },

  // Everything else
  BACKY_NO_PLACE: {
    message: '{path} cannot hold a file: {reason}',
    remedy: 'Correct the path; "lsblk" lists the devices that are attached',
  },
  BACKY_IO: {
    message: 'Cannot {action} {path}: {reason}',
    remedy: '{advice}',
  },
  BACKY_CANCELLED: {
    message: 'The {work} was cancelled: {aftermath}',
    remedy: 'Run it again to finish it',
  },
  BACKY_NATIVE_MISSING: {
    message: 'The native engine {package} is missing',
    remedy:
      'Install its tarball from the release of your backy, as the README says (neither is on the npm registry), or build it in a checkout with "npm run build"',
  },
  BACKY_NATIVE_UNUSABLE: {
    message: 'The native engine {package} is installed but does not load: {reason}',
    remedy: '{advice}',
  },
  BACKY_JOB_UNKNOWN: {
    message: 'There is no job "{job}"',
    remedy: '"backy jobs" lists the jobs of the configuration',
  },
  BACKY_JOB_PAUSED: {
    message: 'The job "{job}" is paused: {reason}',
    remedy: '"backy resume {job}" ends the pause',
  },
  BACKY_HOOK_FAILED: {
    message: 'The hook before the backup of {job} failed: {reason}',
    remedy: 'Correct the command hooks.before of the job; there is no backup without it',
  },
  BACKY_SERVICE_STOPPING: {
    message: 'The service is stopping and begins no run',
    remedy: 'Wait until it has started again',
  },
  BACKY_SERVICE_RUNNING: {
    message: 'Another service runs for {path} ({holder})',
    remedy: 'Stop it first; there is one service for each base directory',
  },
  BACKY_UNAUTHORIZED: {
    message: 'The service refuses the request: {reason}',
    remedy: 'Use a token or a socket whose role may do it; api.tokens in the configuration lists the tokens',
  },
  BACKY_SERVICE_ABSENT: {
    message: 'No service answers at {path}: {reason}',
    remedy: 'Start it with "backy scheduler" or systemctl, or name its configuration with -c',
  },

  BACKY_USAGE: {
    message: '{problem}',
    remedy: '{advice}',
  },
  BACKY_INVALID_ARGUMENT: {
    message: 'An argument is not valid: {detail}',
    remedy: 'Correct the call; its documentation names the valid values',
  },
  BACKY_PANIC: {
    message: 'backy failed unexpectedly: {detail}',
    remedy: 'Please report this as a defect, with what was running and the log',
  },
} as const;

/** The code of an error. Codes are stable; messages are not. */
export type ErrorCode = keyof typeof ERRORS;

/** The facts for the placeholders in an error's texts. */
export type ErrorFacts<Code extends ErrorCode> = Readonly<
  Record<Placeholder<(typeof ERRORS)[Code]['message' | 'remedy']>, string | number>
>;

/**
 * The error of every failing call: a code for programs, a message that says what failed on which object, and a remedy.
 */
export class BackyError extends Error {
  override readonly name: string = 'BackyError';
  readonly code: ErrorCode;
  /** Advice, as one sentence without a full stop. */
  readonly remedy: string;
  /** Facts such as `path`, `pid`, `offset` in bytes, or `badBlocks`, in a form that fits JSON. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, text: ErrorText, details: Readonly<Record<string, unknown>>, cause: unknown) {
    super(text.message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.remedy = text.remedy;
    this.details = details;
  }
}

/** Creates an error from its code and facts; `more` adds a cause and further details. */
export function backyError<Code extends ErrorCode>(
  code: Code,
  facts: ErrorFacts<Code>,
  more: { readonly cause?: unknown; readonly details?: Readonly<Record<string, unknown>> } = {},
): BackyError {
  const values = new Map<string, unknown>(Object.entries(facts));
  const { message, remedy } = ERRORS[code];
  const text = { message: fill(message, values), remedy: fill(remedy, values) };
  return new BackyError(code, text, { ...facts, ...more.details }, more.cause);
}

/** Whether `error` is a BackyError with one of the codes, or with any code if none is given. */
export function isBackyError(error: unknown, ...codes: readonly ErrorCode[]): error is BackyError {
  return error instanceof BackyError && (codes.length === 0 || codes.includes(error.code));
}

/** Whether a text is the code of an error. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}

/** All errors with the templates of their texts, for documentation and tests. */
export function errorTable(): ReadonlyMap<string, ErrorText> {
  return new Map(Object.entries(ERRORS));
}

/** The two texts of an error, without full stops. */
export interface ErrorText {
  readonly message: string;
  readonly remedy: string;
}

type Placeholder<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholder<Rest>
  : never;

function fill(template: string, values: ReadonlyMap<string, unknown>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(values.get(name)));
}
