/** The state of all files and names after some calls. */
interface Progress {
  /** Revisions whose unfinished record is safe. */
  readonly announced: Set<string>;
  /** Files with bytes that were not synced. */
  readonly unsafeFiles: Set<string>;
  /** Changes to the names of a directory since it was synced. */
  readonly unsafeNames: Map<string, string[]>;
}

/** One call, as the tracer lists it. */
interface Call {
  readonly text: string;
  readonly path: string;
  /** The second path of a rename or a link. */
  readonly to: string;
}

/** Takes a call into account. Returns the rules that it breaks. */
type Rule = (progress: Progress, call: Call) => readonly string[];

const RULES: Readonly<Record<string, Rule>> = {
  write: changeBytes,
  truncate: changeBytes,
  allocate: changeBytes,
  clone: changeBytes,
  fsync: sync,
  mkdir: (progress, { text, path }) => touch(progress, path, text),
  link: (progress, { text, to }) => touch(progress, to, text),
  unlink: remove,
  rmdir: remove,
  rename,
};

/**
 * Judges the order of system calls by what POSIX promises, and no more. The bytes of a file are safe once the file was
 * synced. A name that was made, changed or removed is safe once its directory was synced. Filesystems such as btrfs and
 * XFS promise more, and forgive mistakes that another one would not.
 *
 * @param calls as the tracer lists them
 * @param repository the directory whose files matter
 * @returns one sentence for each breach; empty if all is well
 */
export function breaches(calls: readonly string[], repository: string): readonly string[] {
  const progress: Progress = { announced: new Set(), unsafeFiles: new Set(), unsafeNames: new Map() };
  const found = calls.flatMap((text) => {
    const [name = '', path = '', to = ''] = text.split(' ');
    const isElsewhere = name !== 'fsync' && !`${path} ${to}`.includes(repository);
    return isElsewhere || isScratch(path) ? [] : (RULES[name]?.(progress, { text, path, to }) ?? []);
  });
  const unsafe = [...progress.unsafeNames].map(
    ([directory, names]) => `success is reported before ${directory} is safe: ${names.join(', ')}`,
  );
  return [...found, ...unsafe];
}

function changeBytes({ announced, unsafeFiles }: Progress, { path }: Call): readonly string[] {
  unsafeFiles.add(path);
  const isTooEarly = isInTheMaking(path) && !announced.has(stemOf(path));
  return isTooEarly ? [`${path} is made before a record of it is safe`] : [];
}

function sync({ announced, unsafeFiles, unsafeNames }: Progress, { path }: Call): readonly string[] {
  unsafeFiles.delete(path);
  for (const change of unsafeNames.get(path) ?? [])
    if (change.endsWith('.rev.partial')) announced.add(stemOf(change));
  unsafeNames.delete(path);
  return [];
}

function remove(progress: Progress, { text, path }: Call): readonly string[] {
  progress.unsafeFiles.delete(path);
  return isUnfinished(path) ? [] : touch(progress, path, text);
}

function rename(progress: Progress, { text, path, to }: Call): readonly string[] {
  const hasUnsafeBytes = progress.unsafeFiles.delete(path);
  if (isScratch(to)) return [];
  const found = hasUnsafeBytes ? [`${to} appears before its bytes are safe`] : [];
  found.push(...untimely(path, to, progress.unsafeNames));
  touch(progress, to, text);
  if (parentOf(path) !== parentOf(to)) touch(progress, path, text);
  return found;
}

/** Notes a change to the names of a directory. */
function touch({ unsafeNames }: Progress, path: string, change: string): readonly string[] {
  const directory = parentOf(path);
  unsafeNames.set(directory, [...(unsafeNames.get(directory) ?? []), change]);
  return [];
}

/** Judges a rename: a record seals its revision when it appears, and must leave the directory first. */
function untimely(
  from: string,
  to: string,
  unsafeNames: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  const unsafeRecords = (unsafeNames.get(parentOf(from)) ?? []).filter((call) =>
    isRecord(call.split(' ')[2] ?? ''),
  );
  if (/\/(?:last|latest|last\.rev)$/.test(to))
    return unsafeRecords.map((call) => `${to} leads to what is not safe: ${call}`);
  const revision = stemOf(to);
  const isOfIt = (call: string): boolean => !isRecord(call) && call.includes(revision);
  if (isRecord(to)) {
    const unsafe = [...(unsafeNames.get(parentOf(to)) ?? [])].filter(isOfIt);
    return unsafe.map((call) => `${to} seals what is not safe: ${call}`);
  }
  if (!/\/[0-9a-f]{8}-[^/]*$/.test(from) || isUnfinished(from)) return [];
  // Image or index on its way to the trash or back: into the trash the record goes first, out of it last.
  const records = (unsafeNames.get(parentOf(from)) ?? []).filter((call) =>
    isRecord(call.split(' ')[1] ?? ''),
  );
  return records
    .filter((call) => call.includes(revision))
    .map((call) => `${from} moves before this is safe: ${call}`);
}

/** Locks, the log, caches and the note of the last run may be lost. */
function isScratch(path: string): boolean {
  return /\/(?:\.backup|\.purge|\.revisions|\.last-run|backy\.log)$/.test(path);
}

function isUnfinished(path: string): boolean {
  return /\.partial$|\/\.tmp-/.test(path);
}

/** Whether a path is an image or index that must have an unfinished record. */
function isInTheMaking(path: string): boolean {
  return /\/[0-9a-f-]{36}(?:\.hashes)?\.partial$/.test(path);
}

function isRecord(path: string): boolean {
  return path.endsWith('.rev') && !path.endsWith('/last.rev');
}

function stemOf(path: string): string {
  return (path.split('/').at(-1) ?? '').replace(/(?:\.(?:rev|hashes))?(?:\.partial)?$/, '');
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
