import { DAY_MS } from './duration.ts';
import type { Zone } from './time-zone.ts';

/** A part of each day. It goes over midnight if it ends before it begins. */
export interface DailyWindow {
  /** Milliseconds since midnight on the clocks of the zone. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** An opening of a window, in milliseconds since 1970; the end is not part of it. */
export interface Opening {
  readonly startMs: number;
  readonly endMs: number;
}

/** The opening that holds a moment or, if none does, the next one. */
export function openingAt({ fromMs, toMs }: DailyWindow, atMs: number, zone: Zone): Opening {
  const length = toMs > fromMs ? toMs - fromMs : toMs - fromMs + DAY_MS;
  const midnight = Math.floor((atMs + zone.offsetMs(atMs)) / DAY_MS) * DAY_MS;
  for (let day = midnight - DAY_MS; ; day += DAY_MS) {
    const opening = { startMs: zone.momentOf(day + fromMs), endMs: zone.momentOf(day + fromMs + length) };
    if (opening.endMs > atMs && opening.endMs > opening.startMs) return opening;
  }
}

/** Whether a window is open at a moment. */
export function isOpen(window: DailyWindow, atMs: number, zone: Zone): boolean {
  return openingAt(window, atMs, zone).startMs <= atMs;
}

/**
 * The moment itself if the window is open then, or else a moment of the next opening.
 *
 * @param spreadMs chooses the moment in the opening, so that not all jobs begin at once
 */
export function movedInto(window: DailyWindow, atMs: number, zone: Zone, spreadMs: number): number {
  const { startMs, endMs } = openingAt(window, atMs, zone);
  return startMs <= atMs ? atMs : startMs + (spreadMs % (endMs - startMs));
}
