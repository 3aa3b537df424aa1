/** The form of a size, for messages. */
export const SIZE_EXPECTED = 'a size with its unit, such as 50MiB, 512KiB or 1.5GiB';

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;

/** Formats a number of bytes with IEC units and two decimals: `24.34 MiB`; below 1 KiB `512 B`. */
export function formatSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes / 1024;
  let unit = 0;
  // Rounding would turn 1023.995 into "1024.00" of the smaller unit.
  while (value >= 1023.995 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(2)} ${UNITS[unit]}`;
}

/**
 * Parses a size of 1 byte or more, such as `50MiB`, `50M`, `1.5 GiB` or `4096B`. The unit is required, because a bare
 * number is ambiguous. Returns whole bytes, or undefined for any other text.
 */
export function parseSize(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,16}(?:\.\d{1,9})?) ?(B|[KMGTPE](?:iB)?)$/.exec(text) ?? [];
  const power = 'BKMGTPE'.indexOf(unit.charAt(0));
  const bytes = Math.round(Number(digits) * 1024 ** power);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}
