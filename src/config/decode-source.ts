import { isLvmName } from '../domain/logical-volume.ts';
import { asObject, asOneOf, asText, type Field, member, ShapeError } from '../domain/shape.ts';
import { SNAPSHOT_ROOM_EXPECTED, snapshotRoom } from '../domain/snapshot-room.ts';
import { checkKeys } from './check-keys.ts';
import { type FileSourceConfig, type LvmSourceConfig, SOURCE_TYPES, type SourceConfig } from './config.ts';
import { decodeCephRbdSource } from './decode-ceph-rbd.ts';
import { decodeFlag, decodeFormat, decodeRuns, decodeSwitch, optional } from './decode-setting.ts';

/** Checks the source of a configuration. @throws ShapeError that names the key */
export function decodeSource(given: Field): SourceConfig {
  asObject(given, 'a source with its type');
  const source = withoutAlias(given);
  switch (asOneOf(member(source, 'type'), SOURCE_TYPES)) {
    case 'file':
      return decodeFileSource(source);
    case 'lvm':
      return decodeLvmSource(source);
    case 'ceph-rbd':
      return decodeCephRbdSource(source);
  }
}

/** Translates the Python backy's types for images of Ceph. Drops their settings for freezing the guest. */
function withoutAlias({ path, value }: Field): Field {
  const { type, ...settings } = asObject({ path, value });
  if (type !== 'rbd' && type !== 'flyingcircus') return { path, value };
  const kept = Object.entries(settings).filter(([key]) => key !== 'vm' && key !== 'consul_acl_token');
  return { path, value: { type: 'ceph-rbd', ...Object.fromEntries(kept) } };
}

function decodeFileSource(source: Field): FileSourceConfig {
  checkKeys(source, ['type', 'filename', 'snapshot', 'sample-runs', 'allow-mounted', 'format']);
  return {
    type: 'file',
    filename: asText(member(source, 'filename'), 'the path of a file or block device', /^[^\0]+$/),
    ...optional('snapshot', member(source, 'snapshot'), decodeSwitch),
    ...optional('sampleRuns', member(source, 'sample-runs'), decodeRuns),
    ...optional('allowMounted', member(source, 'allow-mounted'), decodeFlag),
    ...optional('format', member(source, 'format'), decodeFormat),
  };
}

function decodeLvmSource(source: Field): LvmSourceConfig {
  checkKeys(source, ['type', 'volume-group', 'volume', 'snapshot-size', 'sample-runs', 'format']);
  return {
    type: 'lvm',
    volumeGroup: decodeLvmName(member(source, 'volume-group')),
    volume: decodeLvmName(member(source, 'volume')),
    ...optional('snapshotSize', member(source, 'snapshot-size'), decodeSnapshotSize),
    ...optional('sampleRuns', member(source, 'sample-runs'), decodeRuns),
    ...optional('format', member(source, 'format'), decodeFormat),
  };
}

function decodeLvmName(field: Field): string {
  const name = asText(field, 'a name that LVM takes');
  if (isLvmName(name)) return name;
  throw new ShapeError(field, 'a name that LVM takes: letters, digits and + _ . -, with no hyphen in front');
}

/** Decodes the size of a snapshot. The volume decides later whether it makes sense. @throws ShapeError */
function decodeSnapshotSize(field: Field): string {
  const size = asText(field, SNAPSHOT_ROOM_EXPECTED);
  if (snapshotRoom(size, 1) === undefined) throw new ShapeError(field, SNAPSHOT_ROOM_EXPECTED);
  return size;
}
