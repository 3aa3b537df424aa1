import { existsSync, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { RunNote } from '../../domain/run-note.ts';
import { type Taken, takenOf } from '../../domain/schedule.ts';
import { fromNodeError, isIoError, isNodeError } from '../../io-error.ts';
import { readLastRun } from '../../repository/last-run.ts';
import { type Layout, layoutOf } from '../../repository/layout.ts';
import { countRecords, readRevisions } from '../../repository/read-revisions.ts';
import { readTotals, type Totals } from '../../repository/totals.ts';
import { checkDirectory } from '../check-arguments.ts';
import { type Dependencies, missingConfig } from '../context.ts';
import { type UnfinishedRestore, unfinishedRestores } from '../restore/unfinished-restore.ts';
import { overdueTags, scheduleStatus } from './schedule-status.ts';

export type { Totals } from '../../repository/totals.ts';

/** The contents of all repositories under one directory. */
export interface FleetStatus {
  /** By name. */
  readonly repositories: readonly RepositoryStatus[];
  readonly summary: FleetSummary;
}

/** One of them. */
export interface RepositoryStatus {
  /** The name of its directory. */
  readonly name: string;
  /** Absent when it cannot be read. */
  readonly totals?: Totals;
  /** The reason why it cannot be read. */
  readonly problem?: string;
  /** The problem of its configuration: backups fail as long as it lasts. */
  readonly misconfigured?: string;
  /** The tags of its schedule of which a backup is missing; absent when nothing is known of the schedule. */
  readonly overdue?: readonly string[];
  /** Its last run of `backup`; absent when none is known of. */
  readonly lastRun?: RunNote;
  /** Restores from it that have begun and are not complete, oldest first. Absent if it cannot be read. */
  readonly unfinishedRestores?: readonly UnfinishedRestore[];
}

/** Totals over the readable repositories. */
export interface FleetSummary {
  readonly repositories: number;
  readonly unreadable: number;
  /** Repositories with an invalid configuration. */
  readonly misconfigured: number;
  /** Repositories that lack a backup that the schedule says should be there. */
  readonly overdue: number;
  /** Repositories whose last runs have failed. */
  readonly failing: number;
  /** Unfinished restores from all repositories. */
  readonly unfinishedRestores: number;
  readonly revisions: number;
  readonly damaged: number;
  readonly unrecorded: number;
  readonly distrusted: number;
  readonly bytesWritten: number;
}

/** Looks at every repository right below a directory. @throws BACKY_INVALID_ARGUMENT, BACKY_IO when that directory cannot be read */
export async function statusOfAll(
  base: string,
  { clock = () => new Date() }: Pick<Dependencies, 'clock'> = {},
): Promise<FleetStatus> {
  const directory = resolve(checkDirectory(base));
  const looks: Look[] = [];
  for (const name of await repositoriesIn(directory))
    looks.push(await look(name, layoutOf(join(directory, name)), clock()));
  // At the end, when most directories have been quiet for long enough to be believed.
  for (const { remember } of looks) remember?.();
  const repositories = looks.map(({ status }) => status);
  const all = repositories.flatMap(({ totals }) => (totals ? [totals] : []));
  const sum = (key: 'revisions' | 'damaged' | 'unrecorded' | 'distrusted' | 'bytesWritten'): number =>
    all.reduce((total, totals) => total + totals[key], 0);
  const count = (fits: (repository: RepositoryStatus) => boolean): number => repositories.filter(fits).length;
  return {
    repositories,
    summary: {
      repositories: repositories.length,
      unreadable: repositories.length - all.length,
      misconfigured: count(({ misconfigured }) => misconfigured !== undefined),
      overdue: count(({ overdue = [] }) => overdue.length > 0),
      failing: count(({ lastRun }) => (lastRun?.failures ?? 0) > 0),
      unfinishedRestores: repositories.flatMap((repository) => repository.unfinishedRestores ?? []).length,
      revisions: sum('revisions'),
      damaged: sum('damaged'),
      unrecorded: sum('unrecorded'),
      distrusted: sum('distrusted'),
      bytesWritten: sum('bytesWritten'),
    },
  };
}

/** The names of repositories, sorted; one that has several of them, by way of links, goes by its own. */
async function repositoriesIn(directory: string): Promise<readonly string[]> {
  try {
    const byPlace = new Map<string, string>();
    for (const name of readdirSync(directory).sort()) {
      const path = join(directory, name);
      if (!(await isRepository(layoutOf(path)))) continue;
      const place = placeOf(path);
      if (!byPlace.has(place) || !isLink(path)) byPlace.set(place, name);
    }
    return [...byPlace.values()].sort();
  } catch (error) {
    throw fromNodeError(error);
  }
}

/**
 * Also without a configuration, which somebody lost: whoever looks over all of them is the one to hear of it. What this
 * user may not look into may be the repository of another user.
 */
async function isRepository({ config, directory }: Layout): Promise<boolean> {
  if (existsSync(config)) return true;
  try {
    return (await countRecords(directory)) > 0;
  } catch (error) {
    return isIoError(error, 'EACCES', 'EPERM') && basename(directory) !== 'lost+found';
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

/** Its own path where it cannot be followed, which is told when it is looked at. */
function placeOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (!isNodeError(error)) throw error;
    return path;
  }
}

interface Look {
  readonly status: RepositoryStatus;
  readonly remember?: () => void;
}

/** No problem of one repository ever hides another repository. */
async function look(name: string, layout: Layout, now: Date): Promise<Look> {
  try {
    if (!existsSync(layout.config)) throw await missingConfig(layout);
    const { totals, ...rest } = await readTotals(layout);
    return { status: { name, totals, ...(await lookAtRuns(layout, totals, now)) }, ...rest };
  } catch (thrown) {
    const error = fromNodeError(thrown);
    return { status: { name, problem: error instanceof Error ? error.message : String(error) } };
  }
}

type Runs = Pick<RepositoryStatus, 'misconfigured' | 'overdue' | 'lastRun' | 'unfinishedRestores'>;

async function lookAtRuns(layout: Layout, totals: Totals, now: Date): Promise<Runs> {
  const lastRun = readLastRun(layout);
  const schedule = await scheduleStatus(layout, await carriers(layout, totals, now), now);
  const { problem } = schedule;
  return {
    ...(problem === undefined ? { overdue: overdueTags(schedule) } : { misconfigured: problem }),
    ...(lastRun ? { lastRun } : {}),
    unfinishedRestores: unfinishedRestores({ layout }),
  };
}

/** The newest revision of each tag is enough, unless one of them is dated in the future and hides what is there. */
async function carriers(layout: Layout, { newestOfTags }: Totals, now: Date): Promise<readonly Taken[]> {
  if (newestOfTags.some(({ takenAtMs }) => takenAtMs > now.getTime()))
    return (await readRevisions(layout)).revisions.map(takenOf);
  return newestOfTags.map(({ tag, ...times }) => ({ ...times, tags: [tag], isGood: true }));
}
