import { formatSeconds } from '../../domain/duration.ts';
import { formatSize } from '../../domain/size.ts';

/** The progress of long work, in bytes. */
export interface ProgressState {
  readonly total: number;
  readonly done: number;
  readonly changed: number;
}

/** Turns successive states into lines such as `42%  1.70 GiB/4.00 GiB  812.00 MiB/s  ETA 0:03  changed 12.00 MiB`. */
export interface ProgressMeter {
  /** @param nowMs milliseconds of a clock that only goes forward */
  line(state: ProgressState, nowMs: number): string;
}

/** The weight of the newest speed against the ones before. */
const SMOOTHING = 0.2;

/** Starts measuring at `startMs`. */
export function createProgressMeter(startMs: number): ProgressMeter {
  let last = { done: 0, atMs: startMs };
  let bytesPerSecond: number | undefined;
  const measure = (done: number, nowMs: number): void => {
    const seconds = (nowMs - last.atMs) / 1000;
    if (seconds <= 0) return;
    const current = Math.max(0, done - last.done) / seconds;
    bytesPerSecond =
      bytesPerSecond === undefined ? current : bytesPerSecond + SMOOTHING * (current - bytesPerSecond);
    last = { done, atMs: nowMs };
  };
  return {
    line: (state, nowMs) => {
      measure(state.done, nowMs);
      return formatProgress(state, bytesPerSecond);
    },
  };
}

function formatProgress({ total, done, changed }: ProgressState, bytesPerSecond = 0): string {
  const percent = total > 0 ? Math.floor((Math.min(done, total) / total) * 100) : 0;
  const eta = bytesPerSecond > 0 ? formatSeconds((total - done) / bytesPerSecond) : '-:--';
  return [
    `${String(percent).padStart(3)}%`,
    `${formatSize(done)}/${formatSize(total)}`,
    `${formatSize(Math.round(bytesPerSecond))}/s`,
    `ETA ${eta}`,
    `changed ${formatSize(changed)}`,
  ].join('  ');
}
