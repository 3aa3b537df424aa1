import { dueOf, takenNow } from '../../domain/job-due.ts';
import type { Taken } from '../../domain/schedule.ts';
import { isoTime } from '../../domain/time-span.ts';
import { movedInto } from '../../domain/window.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import type { PlannedRun } from '../model/service-control.ts';
import type { Job } from './job.ts';

const DAY_MS = 86_400_000;
/** More revisions than this do not change the next run. */
const REMEMBERED = 100;

/** The runs that the schedules of some jobs lead to, in order of time, if each run takes no time. */
export function simulateJobs(
  { windows }: Pick<ServiceConfig, 'windows'>,
  jobs: Iterable<Pick<Job, 'config' | 'facts' | 'spreadMs' | 'sinceMs' | 'zone'>>,
  { startMs, days }: { readonly startMs: number; readonly days: number },
): readonly PlannedRun[] {
  const planned = [...jobs].flatMap((job) => simulateJob(job, windows, startMs, startMs + days * DAY_MS));
  return planned.sort((one, other) => one.time.localeCompare(other.time) || one.job.localeCompare(other.job));
}

function simulateJob(
  { config, facts, spreadMs, sinceMs, zone }: Pick<Job, 'config' | 'facts' | 'spreadMs' | 'sinceMs' | 'zone'>,
  windows: ServiceConfig['windows'],
  startMs: number,
  endMs: number,
): readonly PlannedRun[] {
  const window = config.window === undefined ? undefined : windows.get(config.window);
  const runs: PlannedRun[] = [];
  let taken: readonly Taken[] = facts.taken;
  for (let nowMs = startMs; nowMs < endMs; ) {
    const due = dueOf(config.schedule, taken, { nowMs, spreadMs, sinceMs, zone });
    if (due.length === 0) break;
    const first = Math.max(nowMs, Math.min(...due.map(({ atMs }) => atMs)));
    const atMs = window ? movedInto(window, first, zone, spreadMs) : first;
    const now = atMs > nowMs ? undefined : takenNow(due, nowMs);
    if (!now) {
      nowMs = Math.max(nowMs + 1, atMs);
      continue;
    }
    runs.push({ job: config.name, time: isoTime(nowMs), tags: now.tags });
    taken = [...taken, { takenAtMs: nowMs, slotMs: now.slotMs, tags: now.tags, isGood: true }].slice(
      -REMEMBERED,
    );
    nowMs += 1;
  }
  return runs;
}
