/** Formats a time in the zone of this machine: `2014-04-25 10:07:51`. */
export function formatLocalTime(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${date} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')}`;
}
