import type { Progress } from '../native/engine.ts';

type OnProgress = (progress: Progress) => void;

/**
 * Joins the progress of pieces of work, done one after the other, into that of the whole, which never goes back.
 *
 * @param sizes of the pieces in bytes; they say how much of the whole each one is
 * @returns the observers of the pieces. A single piece is observed as it is.
 */
export function wholeProgress(onProgress: OnProgress, sizes: readonly number[]): readonly OnProgress[] {
  if (sizes.length === 1) return [onProgress];
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const changes = sizes.map(() => 0);
  let start = 0;
  let reached = 0;
  return sizes.map((size, piece) => {
    const before = start;
    start += size;
    return (progress) => {
      const share = progress.total > 0 ? progress.done / progress.total : 1;
      reached = Math.max(reached, before + Math.floor(size * share));
      changes[piece] = progress.changed;
      onProgress({ total, done: reached, changed: changes.reduce((sum, changed) => sum + changed, 0) });
    };
  });
}
