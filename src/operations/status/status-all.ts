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

/** The state of one repository below the directory. */
export interface RepositoryStatus {
  /** The name of its directory. */
  readonly name: string;
  /** Absent if the repository is unreadable. */
  readonly totals?: Totals;
  /** The reason why the repository is unreadable. */
  readonly problem?: string;
  /** The error of the configuration, which makes backups fail. */
  readonly misconfigured?: string;
  /** The overdue tags. Absent if the schedule is unknown. */
  readonly overdue?: readonly string[];
  /** The last run of `backup`. Absent if none is known. */
  readonly lastRun?: RunNote;
  /** Unfinished restores, oldest first. Absent if the repository is unreadable. */
  readonly unfinishedRestores?: readonly UnfinishedRestore[];
}

/** Totals over the readable repositories. */
export interface FleetSummary {
  readonly repositories: number;
  readonly unreadable: number;
  /** Repositories with an invalid configuration. */
  readonly misconfigured: number;
  /** Repositories with overdue tags. */
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

/**
 * Reads the state of every repository directly below a directory.
 *
 * @throws BACKY_INVALID_ARGUMENT, BACKY_IO when that directory cannot be read
 */
export async function statusOfAll(
  base: string,
  { clock = () => new Date() }: Pick<Dependencies, 'clock'> = {},
): Promise<FleetStatus> {
  const directory = resolve(checkDirectory(base));
  const looks: Look[] = [];
  for (const name of await repositoriesIn(directory))
    looks.push(await look(name, layoutOf(join(directory, name)), clock()));
  // The cache ignores directories that changed just now. By the end, most have been quiet long enough.
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

/**
 * Returns the names of the repositories, sorted. A repository that links give further names appears once, under its own
 * name.
 */
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
 * Whether a directory is a repository, even if its configuration is lost. An unreadable directory counts, because it
 * may be the repository of another user.
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

/** Returns the path itself if it is a broken link. Reading the repository reports the error. */
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

/**
 * Reads the state of one repository. An error becomes part of the result, so that it cannot hide other repositories.
 */
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

/**
 * Returns the newest revision of each tag, which is enough. If one is dated in the future, it would hide others, so all
 * revisions are read.
 */
async function carriers(layout: Layout, { newestOfTags }: Totals, now: Date): Promise<readonly Taken[]> {
  if (newestOfTags.some(({ takenAtMs }) => takenAtMs > now.getTime()))
    return (await readRevisions(layout)).revisions.map(takenOf);
  return newestOfTags.map(({ tag, ...times }) => ({ ...times, tags: [tag], isGood: true }));
}
