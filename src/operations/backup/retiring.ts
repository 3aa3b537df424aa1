import { isBackyError } from '../../errors.ts';
import { OUT_OF_REACH, type Source } from '../../sources/source.ts';
import type { Context } from '../context.ts';

/** Removes old snapshots of a source, before and after a backup. */
export interface Retiring {
  /** Removes all but that of the revision `keep`. Those that stay cost space and nothing else, so it never fails. */
  retire(keep: string | undefined): Promise<void>;
  /**
   * Warns of what went wrong, once for each reason.
   *
   * @param failure of the backup; if that was for want of the source, it says it all
   */
  report(failure?: unknown): void;
}

/** @see Retiring */
export function retiring({ log }: Context, source: Source): Retiring {
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
