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
import {
  type FoundSnapshot,
  fullReadReason,
  type PathInput,
  type Snapshot,
  type SnapshotRequest,
  type Source,
} from './source.ts';

/**
 * Opens a file or block device on this machine as a source. Symbolic links are followed, so a path such as
 * `/dev/mapper/vm-root` always means the current device.
 *
 * On a filesystem with reflinks, the file is cloned, so that the backup shows one instant. The next backup compares
 * the disk locations of both snapshots to find the changes. If the repository is on the same filesystem, the clone is
 * the image. Otherwise it is a hidden snapshot beside the file. If no clone is possible, the live file is read, and
 * the record of the revision gives the reason.
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
    snapshotsThere: async () => (await snapshots.beside()).map(foundSnapshot),
    reopen: async ({ uuid, source: { snapshotFile: identity } }) => {
      if (identity?.birth === undefined) return undefined;
      const snapshot = await snapshots.fileOf(uuid);
      return existsSync(snapshot) ? { path: snapshot, identity } : undefined;
    },
    places: async (uuid) => [await snapshots.fileOf(uuid), path],
    retireSnapshots: (keep) => snapshots.retire(config.snapshot === false ? undefined : keep),
  };
}

function foundSnapshot(name: string): FoundSnapshot {
  return { uuid: revisionOfSnapshot(name) ?? '', name, removal: `rm -rf -- ${quoted(name)}` };
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
  // A failure of the note fails the backup, as any failed write to the repository does.
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

/** Returns the reason instead of throwing if the live file can be read without the snapshot. */
async function orReason<Result>(take: () => Promise<Result>): Promise<Result | string> {
  try {
    return await take();
  } catch (error) {
    if (!isBackyError(error, 'BACKY_REFLINK_UNSUPPORTED', 'BACKY_IO')) throw error;
    return reasonOf(error);
  }
}

/**
 * Finds the snapshot of the parent for the comparison. Its name proves nothing, because others may write to the
 * directory of the source. So the record of the parent must contain the identity of the file.
 */
async function previousOf(
  { parent, parentImage }: SnapshotRequest,
  snapshots: FileSnapshots,
): Promise<{ readonly previous?: PathInput['previous']; readonly fallback?: string }> {
  if (!parent) return {};
  const { consistency, source, stats } = parent;
  if (stats.snapshotDropped !== undefined) return { fallback: fullReadReason(stats.snapshotDropped) };
  const { snapshotFile: identity } = source;
  if (identity) return { previous: { path: parentImage ?? (await snapshots.fileOf(parent.uuid)), identity } };
  if (consistency === 'live') return { fallback: 'the previous revision was read without a snapshot' };
  return { fallback: 'the record of the previous revision does not identify its snapshot' };
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
    // A device without a medium can be opened and has no bytes. An empty file, by contrast, is valid.
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
