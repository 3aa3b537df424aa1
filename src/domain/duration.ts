/** A day in milliseconds. */
export const DAY_MS = 86_400_000;

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', DAY_MS],
  ['w', 604_800_000],
]);

/** The form of a duration, for messages. */
export const DURATION_EXPECTED = 'a duration such as 30m, 12h, 1d or 2w';

/** Reads a duration such as `12h`; a bare number counts seconds. Returns milliseconds, or undefined for any other text. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit = 's'] = /^(\d{1,9})([smhdw])?$/.exec(text) ?? [];
  const durationMs = Number(digits) * (UNIT_MS.get(unit) ?? Number.NaN);
  return durationMs > 0 && Number.isSafeInteger(durationMs) ? durationMs : undefined;
}

/** Formats seconds for a progress line: `0:07`, `12:30`, `3:05:00`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = String(rest).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

/** Formats milliseconds with their two largest units: `9d`, `1d 12h`, `45m`; below a second `0s`. */
export function formatDuration(durationMs: number): string {
  const units = [...UNIT_MS].filter(([unit]) => unit !== 'w').reverse();
  const index = Math.max(
    0,
    units.findIndex(([, unitMs]) => durationMs >= unitMs),
  );
  let restMs = durationMs;
  const parts = units.slice(index, index + 2).flatMap(([unit, unitMs]) => {
    const count = Math.floor(restMs / unitMs);
    restMs -= count * unitMs;
    return count > 0 ? [`${count}${unit}`] : [];
  });
  return parts.join(' ') || '0s';
}
