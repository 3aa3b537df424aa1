import { asList, asObject, asText, type Field, member, root } from '../../domain/shape.ts';
import { backyError, isBackyError } from '../../errors.ts';
import { readTool } from './tool.ts';

/** A logical volume as LVM reports it. */
export interface Volume {
  readonly name: string;
  /** Size in bytes. For a classic snapshot, the size of its space for overwritten data. */
  readonly size: number;
  /** Such as `linear`, or `thin` and `sparse`. */
  readonly layout: readonly string[];
  /** Such as `public`, `snapshot`, `thicksnapshot`. */
  readonly role: readonly string[];
  /** Pool of a thin volume, or empty. */
  readonly pool: string;
  /** Origin of a snapshot, or empty. */
  readonly origin: string;
  /** Number of a thin volume in the metadata of its pool, or empty. */
  readonly thinId: string;
  /** Used share of a pool or of an active thin volume, in percent; absent where LVM does not report it. */
  readonly dataPercent?: number;
  readonly tags: readonly string[];
  readonly isActive: boolean;
  readonly isReadOnly: boolean;
  /** Whether a classic snapshot has overflowed. */
  readonly isInvalid: boolean;
}

const FIELDS =
  'lv_name,lv_size,lv_layout,lv_role,pool_lv,origin,thin_id,lv_tags,lv_active,lv_permissions,lv_snapshot_invalid,data_percent';

/** Lists the visible volumes of a group; empty for an unknown group. @throws BACKY_TOOL_MISSING, BACKY_TOOL_FAILED */
export async function listVolumes(volumeGroup: string): Promise<readonly Volume[]> {
  const format = ['--reportformat', 'json', '--units', 'b', '--nosuffix', '--options', FIELDS];
  try {
    return parseVolumes(await readTool('lvs', [...format, volumeGroup]));
  } catch (cause) {
    // The exit code is the same for all failures.
    if (hasReason(cause, `Volume group "${volumeGroup}" not found`)) return [];
    if (isBackyError(cause) || !(cause instanceof Error)) throw cause;
    throw backyError('BACKY_TOOL_FAILED', { tool: 'lvs', reason: cause.message }, { cause });
  }
}

/** Parses the report of `lvs`. @throws ShapeError, SyntaxError */
export function parseVolumes(report: string): readonly Volume[] {
  const [first = root(undefined)] = asList(member(root(JSON.parse(report)), 'report'), 'a list of reports');
  const rows = asList(member(first, 'lv'), 'a list of volumes').map(parseVolume);
  // A volume with several segments has several rows.
  return [...new Map(rows.map((volume) => [volume.name, volume])).values()];
}

/** Returns whether a volume is thin. It may also be a snapshot. */
export function isThin({ layout }: Volume): boolean {
  return layout.includes('thin') && !layout.includes('pool');
}

function parseVolume(row: Field): Volume {
  asObject(row, 'a volume');
  const text = (key: string): string => asText(member(row, key), 'a text');
  const words = (key: string): readonly string[] =>
    text(key)
      .split(',')
      .filter((word) => word !== '');
  return {
    name: text('lv_name'),
    size: Number(asText(member(row, 'lv_size'), 'a number of bytes', /^\d{1,15}$/)),
    layout: words('lv_layout'),
    role: words('lv_role'),
    pool: text('pool_lv'),
    origin: text('origin'),
    thinId: asText(member(row, 'thin_id'), 'a number', /^\d{0,15}$/),
    ...parsePercent(member(row, 'data_percent')),
    tags: words('lv_tags'),
    isActive: text('lv_active') !== '',
    isReadOnly: text('lv_permissions') === 'read-only',
    isInvalid: text('lv_snapshot_invalid') === 'snapshot invalid',
  };
}

function parsePercent(field: Field): Pick<Volume, 'dataPercent'> {
  if (field.value === undefined || field.value === '') return {};
  return { dataPercent: Number(asText(field, 'a share', /^\d{1,3}(\.\d{1,9})?$/)) };
}

function hasReason(error: unknown, reason: string): boolean {
  return isBackyError(error, 'BACKY_TOOL_FAILED') && error.details.reason === reason;
}
