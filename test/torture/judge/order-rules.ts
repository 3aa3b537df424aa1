/**
 * Judges the order of system calls by what POSIX promises, and no more: what a file holds is safe once the file was
 * synced, and that a name was made, changed or removed once its directory was. Filesystems such as btrfs and XFS promise
 * more, and forgive mistakes that another one would not.
 *
 * @param calls as `calls` lists them
 * @param repository the directory whose files matter
 * @returns what is wrong, in words; empty when all is well
 */
export function breaches(calls: readonly string[], repository: string): readonly string[] {
  const found: string[] = [];
  /** Revisions whose unfinished record is safe. */
  const announced = new Set<string>();
  /** Files with bytes that were not synced. */
  const unsafeFiles = new Set<string>();
  /** Changes to the names of a directory since it was synced. */
  const unsafeNames = new Map<string, string[]>();
  const touch = (path: string, what: string): void => {
    const directory = parentOf(path);
    unsafeNames.set(directory, [...(unsafeNames.get(directory) ?? []), what]);
  };
  for (const call of calls) {
    const [name = '', path = '', to = ''] = call.split(' ');
    if ((name !== 'fsync' && !`${path} ${to}`.includes(repository)) || isScratch(path)) continue;
    switch (name) {
      case 'write':
      case 'truncate':
      case 'allocate':
      case 'clone':
        unsafeFiles.add(path);
        if (isInTheMaking(path) && !announced.has(stemOf(path)))
          found.push(`${path} is made before a record of it is safe`);
        break;
      case 'fsync':
        unsafeFiles.delete(path);
        for (const name of unsafeNames.get(path) ?? [])
          if (name.endsWith('.rev.partial')) announced.add(stemOf(name));
        unsafeNames.delete(path);
        break;
      case 'mkdir':
        touch(path, call);
        break;
      case 'link':
        touch(to, call);
        break;
      case 'unlink':
      case 'rmdir':
        unsafeFiles.delete(path);
        if (!isUnfinished(path)) touch(path, call);
        break;
      case 'rename':
        if (isScratch(to)) {
          unsafeFiles.delete(path);
          break;
        }
        if (unsafeFiles.delete(path)) found.push(`${to} appears before its bytes are safe`);
        found.push(...untimely(path, to, unsafeNames));
        touch(to, call);
        if (parentOf(path) !== parentOf(to)) touch(path, call);
        break;
    }
  }
  for (const [directory, names] of unsafeNames)
    found.push(`success is reported before ${directory} is safe: ${names.join(', ')}`);
  return found;
}

/** A record that appears in a directory seals what is there; one that leaves it takes its revision along. */
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

/** An image or index that nothing but an unfinished record explains. */
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
