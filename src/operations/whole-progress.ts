import type { Progress } from '../native/engine.ts';

type OnProgress = (progress: Progress) => void;

/**
 * Combines the progress of consecutive pieces of work. The total never goes back.
 *
 * @param sizes of the pieces in bytes, which determine their shares
 * @returns one observer for each piece; a single piece gets `onProgress` itself
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
