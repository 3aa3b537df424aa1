import type { Fragmentation } from '../../domain/fragmentation.ts';

/** A number with thousands separators: `1,234,567`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A list of tags for people. The Python backy allowed an empty tag. */
export function formatTags(tags: readonly string[]): string {
  return tags.map((tag) => tag || '""').join(',') || '-';
}

/** The layout of an image on the disk: `12,345 extents (1,234 per GiB)`. */
export function describeFragmentation({ extents, extentsPerGib }: Fragmentation): string {
  const noun = extents === 1 ? 'extent' : 'extents';
  return `${formatCount(extents)} ${noun} (${formatCount(extentsPerGib)} per GiB)`;
}

/** A time in the zone of this machine: `2014-04-25 10:07:51`. */
export function formatLocalTime(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${date} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')}`;
}
