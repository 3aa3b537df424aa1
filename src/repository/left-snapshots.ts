import type { Stats } from 'node:fs';
import type { LeftSnapshot, LeftSnapshots } from '../domain/left-snapshot.ts';
import { isRevisionId } from '../domain/revision-id.ts';
import { asList, asOneOf, asText, type Field, member, root, ShapeError } from '../domain/shape.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { readPlainFile } from '../plain-file.ts';
import { parseFileIdentity } from './file-identity.ts';
import type { Layout } from './layout.ts';
import { countRecords } from './read-revisions.ts';

const FORMAT_VERSION = 1;
const PRIVATE_FILE = 0o600;

/**
 * Opens the list of snapshots that a repository has at its sources. The list lives in memory and in `.snapshots`.
 * If that file is missing or damaged, the list is incomplete, unless the repository has no revisions either.
 *
 * @param check gets the facts about the opened file, and throws if the file must not be used
 * @throws BACKY_IO, and what `check` throws
 */
export async function openSnapshotList(
  engine: Engine,
  layout: Layout,
  check?: (stats: Stats) => void,
): Promise<LeftSnapshots> {
  const noted = readSnapshotList(layout, check);
  const isComplete = noted !== undefined || (await countRecords(layout.directory)) === 0;
  const snapshots = new Map(noted?.map((snapshot) => [snapshot.uuid, snapshot]));
  // An empty list needs no file.
  let isSaved = noted !== undefined || isComplete;
  const save = async (): Promise<void> => {
    if (isSaved) return;
    await engine.replaceFile(layout.snapshots, format([...snapshots.values()]), PRIVATE_FILE);
    isSaved = true;
  };
  const put = (snapshot: LeftSnapshot): void => {
    if (JSON.stringify(snapshots.get(snapshot.uuid)) === JSON.stringify(snapshot)) return;
    isSaved = false;
    snapshots.set(snapshot.uuid, snapshot);
  };
  return {
    isComplete,
    all: () => [...snapshots.values()],
    note: (snapshot) => {
      put(snapshot);
      return save();
    },
    amend: put,
    drop: (uuid) => {
      if (snapshots.delete(uuid)) isSaved = false;
    },
    save,
  };
}

/** Reads `.snapshots`. @returns undefined when it is missing or damaged @throws BACKY_IO */
export function readSnapshotList(
  { snapshots }: Layout,
  check?: (stats: Stats) => void,
): readonly LeftSnapshot[] | undefined {
  try {
    const text = readPlainFile(snapshots, check ? { check } : {}).toString();
    return asList(member(root(JSON.parse(text)), 'snapshots'), 'a list of snapshots').map(parse);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof ShapeError || isNodeError(error, 'ENOENT', 'ELOOP'))
      return undefined;
    throw fromNodeError(error);
  }
}

function format(snapshots: readonly LeftSnapshot[]): string {
  return `${JSON.stringify({ formatVersion: FORMAT_VERSION, snapshots }, undefined, 2)}\n`;
}

function parse(snapshot: Field): LeftSnapshot {
  const text = (key: string): string => asText(member(snapshot, key), 'a text');
  const optional = (key: string): string | undefined =>
    member(snapshot, key).value === undefined ? undefined : text(key);
  const uuid = text('uuid');
  if (!isRevisionId(uuid)) throw new ShapeError(member(snapshot, 'uuid'), 'the id of a revision');
  const type = asOneOf(member(snapshot, 'type'), ['file', 'lvm', 'ceph-rbd'] as const);
  switch (type) {
    case 'file': {
      const path = asText(member(snapshot, 'path'), 'the path of a snapshot', pathOf(uuid));
      const identity = member(snapshot, 'identity');
      const known = identity.value === undefined ? {} : { identity: parseFileIdentity(identity) };
      return { type, uuid, path, ...known };
    }
    case 'lvm':
      return { type, uuid, volumeGroup: text('volumeGroup'), volume: text('volume') };
    case 'ceph-rbd':
      return {
        type,
        uuid,
        pool: text('pool'),
        namespace: optional('namespace'),
        image: text('image'),
        user: optional('user'),
        conf: optional('conf'),
      };
  }
}

/** A snapshot path ends with the id of its revision. The check protects all other files from a forged note. */
function pathOf(uuid: string): RegExp {
  return new RegExp(`^/.*${uuid}$`, 's');
}
