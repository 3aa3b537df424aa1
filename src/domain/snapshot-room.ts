const UNIT_BYTES: ReadonlyMap<string, number> = new Map([
  ['M', 2 ** 20],
  ['G', 2 ** 30],
  ['T', 2 ** 40],
]);

/** The form of a snapshot's size, for messages. */
export const SNAPSHOT_ROOM_EXPECTED = 'a share of the volume such as 10%, or a size such as 512M, 20G or 1T';

const LEAST_DEFAULT_BYTES = 64 * 2 ** 20;
const DEFAULT_PERCENT = 10;

/**
 * The size of a volume's snapshot in bytes. It holds the blocks that are overwritten during the backup.
 *
 * @param room as configured; absent: 10% of the volume, but at least 64 MiB
 * @param volumeBytes size of the volume
 * @returns undefined if `room` is not valid
 */
export function snapshotRoom(room: string | undefined, volumeBytes: number): number | undefined {
  if (room === undefined) return Math.max(percentOf(volumeBytes, DEFAULT_PERCENT), LEAST_DEFAULT_BYTES);
  const [, digits, unit = ''] = /^([1-9]\d{0,5})([%MGT])$/.exec(room) ?? [];
  const bytes =
    unit === '%'
      ? percentOf(volumeBytes, Number(digits))
      : Number(digits) * (UNIT_BYTES.get(unit) ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A share in bytes, rounded up to MiB, because LVM requires whole sectors. */
function percentOf(bytes: number, percent: number): number {
  return Math.ceil((bytes * percent) / 100 / 2 ** 20) * 2 ** 20;
}
