import { existsSync, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isBackyError } from '../errors.ts';
import { fromNodeError } from '../io-error.ts';
import { type Layout, layoutOf } from '../repository/layout.ts';
import { countRecords } from '../repository/read-revisions.ts';
import { readTotals, type Totals } from '../repository/totals.ts';
import { checkDirectory } from './check-arguments.ts';
import { missingConfig } from './context.ts';

export type { Totals } from '../repository/totals.ts';

/** What all repositories under one directory hold. */
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
  /** Why it cannot be read. */
  readonly problem?: string;
}

/** Totals over the readable repositories. */
export interface FleetSummary {
  readonly repositories: number;
  readonly unreadable: number;
  readonly revisions: number;
  readonly damaged: number;
  readonly distrusted: number;
  readonly bytesWritten: number;
}

/** Looks at every repository right below a directory. @throws BACKY_INVALID_ARGUMENT, BACKY_IO when that directory cannot be read */
export async function statusOfAll(base: string): Promise<FleetStatus> {
  const directory = resolve(checkDirectory(base));
  const looks: Look[] = [];
  for (const name of await repositoriesIn(directory))
    looks.push(await look(name, layoutOf(join(directory, name))));
  // At the end, when most directories have been quiet for long enough to be believed.
  for (const { remember } of looks) remember?.();
  const repositories = looks.map(({ status }) => status);
  const all = repositories.flatMap(({ totals }) => (totals ? [totals] : []));
  const sum = (key: 'revisions' | 'damaged' | 'distrusted' | 'bytesWritten'): number =>
    all.reduce((total, totals) => total + totals[key], 0);
  return {
    repositories,
    summary: {
      repositories: repositories.length,
      unreadable: repositories.length - all.length,
      revisions: sum('revisions'),
      damaged: sum('damaged'),
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
      if (!(await isRepository(layoutOf(join(directory, name))))) continue;
      const place = realpathSync(join(directory, name));
      if (!byPlace.has(place) || !isLink(join(directory, name))) byPlace.set(place, name);
    }
    return [...byPlace.values()].sort();
  } catch (error) {
    throw fromNodeError(error);
  }
}

/** Also without a configuration, which somebody lost: whoever looks over all of them is the one to hear of it. */
async function isRepository({ config, directory }: Layout): Promise<boolean> {
  return existsSync(config) || (await countRecords(directory).catch(() => 0)) > 0;
}

function isLink(path: string): boolean {
  return lstatSync(path).isSymbolicLink();
}

interface Look {
  readonly status: RepositoryStatus;
  readonly remember?: () => void;
}

/** What is wrong with one repository never hides another. */
async function look(name: string, layout: Layout): Promise<Look> {
  try {
    if (!existsSync(layout.config)) throw await missingConfig(layout);
    const { totals, ...rest } = await readTotals(layout);
    return { status: { name, totals }, ...rest };
  } catch (error) {
    if (!isBackyError(error)) throw error;
    return { status: { name, problem: error.message } };
  }
}
