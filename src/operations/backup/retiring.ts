import { isBackyError } from '../../errors.ts';
import { OUT_OF_REACH, type Source } from '../../sources/source.ts';
import type { PlainContext } from '../context.ts';

/** Retires old snapshots of a source, before and after a backup. */
export interface Retiring {
  /**
   * Removes all snapshots except that of the revision `keep`. Never fails, because a remaining snapshot only costs
   * space.
   */
  retire(keep: string | undefined): Promise<void>;
  /**
   * Warns of failed removals, once for each reason.
   *
   * @param failure of the backup; if that was for want of the source, it says it all
   */
  report(failure?: unknown): void;
}

/** @see Retiring */
export function retiring({ log }: PlainContext, source: Source): Retiring {
  const problems = new Set<string>();
  const told = new Set<string>();
  return {
    retire: async (keep) => {
      try {
        for (const name of await source.retireSnapshots(keep)) log('info', `removed the snapshot ${name}`);
      } catch (error) {
        problems.add(error instanceof Error ? error.message : String(error));
      }
    },
    report: (failure) => {
      if (isBackyError(failure, ...OUT_OF_REACH)) return;
      for (const problem of problems) {
        if (told.has(problem)) continue;
        told.add(problem);
        log('warning', `old snapshots of the source could not be removed: ${problem}`);
      }
    },
  };
}
