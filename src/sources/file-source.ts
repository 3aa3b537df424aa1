import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { FileSourceConfig } from '../config/config.ts';
import { quoted } from '../domain/shell-word.ts';
import { type BackyError, backyError, isBackyError } from '../errors.ts';
import { isIoError } from '../io-error.ts';
import type { Engine, SourceFacts } from '../native/engine.ts';
import { type FileSnapshots, fileSnapshots } from './file-snapshots.ts';
import { foreignFormat } from './image-format.ts';
import { type LeftSnapshots, unsavedNotes } from './left-snapshots.ts';
import { revisionOfSnapshot } from './snapshot-files.ts';
import { type PathInput, type Snapshot, type SnapshotRequest, type Source, whyAllIsRead } from './source.ts';

/**
 * A file or block device on this machine. Symbolic links are followed, so that a path such as
 * `/dev/mapper/vm-root` keeps meaning the current device.
 *
 * On a filesystem with reflinks a file is cloned, so that the backup is of one instant, and the next one finds what
 * changed by comparing where the two snapshots lie on the disk. In a repository on the same filesystem the clone is the
 * image; else it is a hidden snapshot beside the file. Whatever stands in the way of that, the file is read as it is while
 * it is read, and the revision says why.
 */
export function fileSource(
  config: FileSourceConfig,
  directory: string,
  engine: Engine,
  left: LeftSnapshots = unsavedNotes(),
): Source {
  const path = resolve(directory, config.filename);
  const snapshots = fileSnapshots(path, directory, engine, left);
  return {
    identity: { type: 'file', filename: path },
    target: path,
    describe: async () => {
      const { kind, size, ...format } = await look(path, engine);
      return { name: path, kind, size, format: foreignFormat(path, format, config) };
    },
    snapshot: async (request) => {
      const facts = await look(path, engine);
      foreignFormat(path, facts, config);
      if (facts.busy && !config.allowMounted) throw backyError('BACKY_SOURCE_MOUNTED', { path });
      if (config.snapshot === false) return live(path, facts, 'snapshots are switched off');
      if (facts.kind === 'device') return live(path, facts, 'a block device has no snapshot of its own');
      return takeOrReadLive(path, facts, snapshots, request, config.sampleRuns);
    },
    room: async (uuid, image) => (config.snapshot === false ? undefined : snapshots.room(uuid, image)),
    snapshotsThere: async () => {
      const paths = await snapshots.beside();
      return paths.map((name) => ({
        uuid: revisionOfSnapshot(name) ?? '',
        name,
        removal: `rm -rf -- ${quoted(name)}`,
      }));
    },
    reopen: async ({ uuid, source: { snapshotFile: identity } }) => {
      if (identity?.birth === undefined) return undefined;
      const snapshot = await snapshots.fileOf(uuid);
      return existsSync(snapshot) ? { path: snapshot, identity } : undefined;
    },
    places: async (uuid) => [await snapshots.fileOf(uuid), path],
    retireSnapshots: (keep) => snapshots.retire(config.snapshot === false ? undefined : keep),
  };
}

async function takeOrReadLive(
  path: string,
  facts: SourceFacts,
  snapshots: FileSnapshots,
  request: SnapshotRequest,
  sampleRuns: number | undefined,
): Promise<Snapshot> {
  const { uuid, image, signal } = request;
  const clone = await orReason(() => snapshots.cloneTo(image, signal));
  // A note that fails fails the backup, as every failed write to the repository does.
  if (clone === undefined) await snapshots.note(uuid);
  const taken = clone ?? (await orReason(() => snapshots.takeBeside(uuid, signal)));
  if (typeof taken === 'string') return live(path, facts, `no snapshot could be taken (${taken})`);
  const { path: snapshot, size, identity } = taken;
  const { previous, fallback } = await previousOf(request, snapshots);
  return {
    name: path,
    size,
    consistency: 'crash',
    origin: { snapshotFile: identity },
    input: { path: snapshot, identity, ...(previous ? { previous } : {}) },
    method: 'extent-map',
    ...(fallback === undefined ? {} : { fallback }),
    ...(sampleRuns === undefined ? {} : { sampleRuns }),
  };
}

/** The reason why no snapshot can be taken, if it is one that leaves the file readable as it is. */
async function orReason<Result>(take: () => Promise<Result>): Promise<Result | string> {
  try {
    return await take();
  } catch (error) {
    if (!isBackyError(error, 'BACKY_REFLINK_UNSUPPORTED', 'BACKY_IO')) throw error;
    return reasonOf(error);
  }
}

/**
 * The snapshot of the parent, to compare the new one with, or why there is none. Its name proves nothing: whoever writes
 * to the directory of the source could have given it to another snapshot. So its record has to say which file it is.
 */
async function previousOf(
  { parent, parentImage }: SnapshotRequest,
  snapshots: FileSnapshots,
): Promise<{ readonly previous?: PathInput['previous']; readonly fallback?: string }> {
  if (!parent) return {};
  const { consistency, source, stats } = parent;
  if (stats.snapshotDropped !== undefined) return { fallback: whyAllIsRead(stats.snapshotDropped) };
  const { snapshotFile: identity } = source;
  if (identity) return { previous: { path: parentImage ?? (await snapshots.fileOf(parent.uuid)), identity } };
  if (consistency === 'live') return { fallback: 'the revision before was read without a snapshot' };
  return { fallback: 'the record of the revision before does not say which file its snapshot is' };
}

function reasonOf({ code, details }: BackyError): string {
  return String(code === 'BACKY_IO' ? details.reason : details.detail);
}

function live(path: string, { size }: SourceFacts, fallback: string): Snapshot {
  return { name: path, size, consistency: 'live', input: { path }, method: 'full', fallback };
}

async function look(path: string, engine: Engine): Promise<SourceFacts> {
  try {
    const facts = await engine.describeSource(path);
    // A device that nothing is attached to can be opened, and has no bytes. A file without any is an image.
    if (facts.kind === 'device' && facts.size === 0) throw backyError('BACKY_SOURCE_MISSING', { path });
    return facts;
  } catch (cause) {
    if (isIoError(cause, 'ENOENT', 'ENOTDIR', 'ENXIO', 'ENODEV', 'ENOMEDIUM')) {
      throw backyError('BACKY_SOURCE_MISSING', { path }, { cause });
    }
    if (isIoError(cause, 'EACCES', 'EPERM', 'EIO')) {
      throw backyError('BACKY_SOURCE_UNREADABLE', { path, reason: String(cause.details.reason) }, { cause });
    }
    throw cause;
  }
}
