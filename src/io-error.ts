import { type BackyError, backyError, isBackyError } from './errors.ts';

/** The facts about a failed system call. */
export interface IoFailure {
  /** The file of the call. */
  readonly path?: string | undefined;
  /** Name of the system call, such as `fsync`. */
  readonly syscall?: string | undefined;
  /** Name of the error number, such as `ENOSPC`. */
  readonly errnoName?: string | undefined;
  /** Byte offset in `path`. */
  readonly offset?: number | undefined;
  /** Whether the target of a restore has begun to change. */
  readonly begun?: boolean | undefined;
}

/** The meaning of an error number, and advice. */
export interface ErrnoText {
  readonly reason: string;
  readonly advice: string;
}

const CHECK_STORAGE = 'Check the storage (kernel log, SMART); revisions sealed before are not touched';

const ERRNO_TEXTS: ReadonlyMap<string, ErrnoText> = new Map([
  [
    'ENOSPC',
    {
      reason: 'no space left',
      advice: 'Free some space there and run it again; earlier revisions are complete',
    },
  ],
  [
    'EDQUOT',
    { reason: 'the quota is used up', advice: 'Free some space or raise the quota, and run it again' },
  ],
  [
    'EFBIG',
    {
      reason: 'the file would be too large',
      advice: 'Raise the limit (ulimit -f) or use another filesystem',
    },
  ],
  [
    'EROFS',
    {
      reason: 'the filesystem is read-only',
      advice: 'Remount it writable; see the kernel log for why it became read-only',
    },
  ],
  [
    'EACCES',
    {
      reason: 'permission denied',
      advice:
        'Run backy as a user who may do this; a file of a repository belongs to the owner of its directory, which root sees to with "chown -hR --reference=DIR DIR"',
    },
  ],
  [
    'EPERM',
    {
      reason: 'operation not permitted',
      advice: 'Run backy as a user who may do this, and see whether the file is immutable (lsattr)',
    },
  ],
  ['ENOENT', { reason: 'it does not exist', advice: 'Check the path' }],
  ['ENOTDIR', { reason: 'part of the path is not a directory', advice: 'Check the path' }],
  [
    'ENOTEMPTY',
    {
      reason: 'something is left in the directory',
      advice: 'See what it is; backy removes only what it made',
    },
  ],
  [
    'EXDEV',
    {
      reason: 'it lies on another filesystem',
      advice: 'Keep everything of one repository on one filesystem',
    },
  ],
  ['EISDIR', { reason: 'it is a directory', advice: 'Name a file' }],
  ['EEXIST', { reason: 'it exists already', advice: 'Move it out of the way or choose another name' }],
  [
    'ELOOP',
    {
      reason: 'it is a symbolic link',
      advice: 'Symbolic links are not followed here; see who made it and remove it',
    },
  ],
  ['EIO', { reason: 'the device reports an input/output error', advice: CHECK_STORAGE }],
  [
    'ESTALE',
    { reason: 'the network filesystem lost the file', advice: 'Check the file server and run it again' },
  ],
  ['EPIPE', { reason: 'the reader went away', advice: 'Run it again and read all of the output' }],
  ['EMFILE', { reason: 'too many open files', advice: 'Raise the limit (ulimit -n)' }],
  [
    'ENFILE',
    { reason: 'too many open files on this machine', advice: 'Raise the limit (sysctl fs.file-max)' },
  ],
  ['ENOMEM', { reason: 'not enough memory', advice: 'Free some memory and run it again' }],
  ['EBUSY', { reason: 'it is in use', advice: 'Stop what uses it' }],
  [
    'EBADF',
    { reason: 'it is closed, or not open for that', advice: 'Redirect or open it so that it can be written' },
  ],
  ['ENXIO', { reason: 'there is no such device', advice: 'Attach the device' }],
  [
    'ENAMETOOLONG',
    {
      reason: 'the name is too long',
      advice: 'Choose a shorter name; as long as a file is not complete, its name is up to 48 bytes longer',
    },
  ],
]);

/** Plain words for system calls. Other calls are shown by name. */
const ACTIONS: ReadonlyMap<string, string> = new Map([
  ['pread', 'read'],
  ['pread64', 'read'],
  ['scandir', 'read'],
  ['pwrite', 'write'],
  ['pwrite64', 'write'],
  ['write', 'write'],
  ['writev', 'write'],
  ['openat', 'open'],
  ['ioctl_ficlone', 'share blocks with'],
  ['fallocate', 'write'],
  ['flock', 'lock'],
  ['mkdir', 'create'],
  ['mkdtemp', 'create'],
  ['fchmod', 'set the permissions of'],
  ['lstat', 'look at'],
  ['stat', 'look at'],
  ['realpath', 'look at'],
  ['uv_cwd', 'find'],
  ['fstat', 'look at'],
  ['fsync', 'make durable'],
  ['fdatasync', 'make durable'],
  ['rename', 'rename'],
  ['unlink', 'remove'],
  ['rmdir', 'remove'],
  ['ioprio_set', 'lower the priority of'],
  ['sched_setscheduler', 'lower the priority of'],
  ['ioctl_fiemap', 'find the blocks of'],
  ['ftruncate', 'set the size of'],
  ['fcntl', 'lock'],
  ['fsetxattr', 'mark'],
  ['fgetxattr', 'read the mark of'],
  ['fremovexattr', 'take the mark off'],
]);

/** Builds BACKY_IO from a failed system call. */
export function ioError(failure: IoFailure, cause?: unknown): BackyError {
  const { path, syscall = 'use', errnoName = 'unknown error', offset, begun = false } = failure;
  const text = ERRNO_TEXTS.get(errnoName);
  const place = offset === undefined ? '' : ` at byte ${offset}`;
  return backyError(
    'BACKY_IO',
    {
      action: ACTIONS.get(syscall) ?? syscall,
      path: path ?? 'a file',
      reason: (text ? `${text.reason} (${errnoName})` : errnoName) + place,
      advice:
        text?.advice ?? 'Look the error up in the manual page of the system call, and in the kernel log',
    },
    {
      cause,
      details: {
        syscall,
        errno: errnoName,
        ...(offset === undefined ? {} : { offset }),
        ...(begun ? { begun } : {}),
      },
    },
  );
}

/** The error for a file of a repository that must not be written, such as one with a second name. */
export function unfitFile(path: string, { message: reason }: SyntaxError): BackyError {
  return backyError('BACKY_FILE_UNFIT', { path, reason });
}

/** Turns an error of node:fs into BACKY_IO. Returns any other error unchanged. */
export function fromNodeError(error: unknown): unknown {
  if (!isNodeError(error)) return error;
  const path = error.syscall === 'uv_cwd' ? 'the working directory' : error.path;
  return ioError({ path, syscall: error.syscall, errnoName: error.code }, error);
}

/** Whether `error` came from a system call of Node, with one of the error numbers if any are named. */
export function isNodeError(error: unknown, ...names: readonly string[]): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return false;
  return names.length === 0 || names.includes(String(error.code));
}

/**
 * Runs `work` on a file that may be absent.
 *
 * @param absent names of the error numbers that mean absence
 * @returns undefined if the file is absent
 * @throws every other error of `work`
 */
export async function ifPresent<Result>(
  work: () => Promise<Result>,
  absent: readonly string[] = ['ENOENT'],
): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isNodeError(error, ...absent)) return undefined;
    throw error;
  }
}

/** The synchronous form of `ifPresent`. */
export function ifPresentSync<Result>(
  work: () => Result,
  absent: readonly string[] = ['ENOENT'],
): Result | undefined {
  try {
    return work();
  } catch (error) {
    if (isNodeError(error, ...absent)) return undefined;
    throw error;
  }
}

/** Whether `error` is BACKY_IO with one of the error numbers. */
export function isIoError(error: unknown, ...names: readonly string[]): error is BackyError {
  return isBackyError(error, 'BACKY_IO') && names.includes(String(error.details.errno));
}

/** The known error numbers with their texts, for documentation. */
export function errnoTable(): ReadonlyMap<string, ErrnoText> {
  return ERRNO_TEXTS;
}
