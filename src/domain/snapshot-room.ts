const UNIT_BYTES: ReadonlyMap<string, number> = new Map([
  ['M', 2 ** 20],
  ['G', 2 ** 30],
  ['T', 2 ** 40],
]);

/** What the room of a snapshot looks like, for messages. */
export const SNAPSHOT_ROOM_EXPECTED = 'a share of the volume such as 10%, or a size such as 512M, 20G or 1T';

const LEAST_DEFAULT_BYTES = 64 * 2 ** 20;
const DEFAULT_PERCENT = 10;

/**
 * How many bytes a snapshot of a volume gets for what is overwritten while it is read.
 *
 * @param room as configured; absent: 10% of the volume, but at least 64 MiB
 * @param volumeBytes size of the volume
 * @returns undefined when `room` is none
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

/** LVM wants whole sectors, which any number of MiB has. */
function percentOf(bytes: number, percent: number): number {
  return Math.ceil((bytes * percent) / 100 / 2 ** 20) * 2 ** 20;
}
