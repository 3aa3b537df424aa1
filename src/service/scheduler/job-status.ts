import { nameOfSource } from '../../config/source-name.ts';
import { type JobFactsForVerdict, judgeJob, overdueMs } from '../../domain/job-verdict.ts';
import { carriersOf, newestAt } from '../../domain/schedule.ts';
import { isoTime } from '../../domain/time-span.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import type { JobStatus, JobTagStatus, Phase } from '../model/service-status.ts';
import { type Job, nextMs, poolOf } from './job.ts';

/** The status of a job at a moment, in milliseconds since 1970. */
export function jobStatus(job: Job, windows: ServiceConfig['windows'], nowMs: number): JobStatus {
  const { config, facts, pause, retryAtMs } = job;
  const judged = factsOf(job, nowMs);
  const next = pause ? undefined : nextMs(job, windows);
  return {
    job: config.name,
    phase: phaseOf(job, nowMs),
    pool: job.running?.pool ?? poolOf(job),
    schedule: config.scheduleName,
    source: nameOfSource(config.source),
    directory: config.directory,
    ...judgeJob(judged, nowMs),
    last: facts.last,
    next: next === undefined ? null : { time: isoTime(next), tags: tagsBefore(job, next) },
    tags: judged.tags.map((tag) => tagStatus(job, tag, nowMs)),
    run: job.running?.summary ?? job.history[0] ?? null,
    failures: job.failures,
    retryAt: retryAtMs === undefined ? null : isoTime(retryAtMs),
    pause: pause ?? null,
    firstSeen: isoTime(job.firstSeenMs),
    revisions: facts.revisions,
    manualTags: facts.manualTags,
    damaged: facts.damaged,
    newestDistrusted: facts.newestDistrusted,
    verifiedSince: facts.verifiedSinceMs === undefined ? null : isoTime(facts.verifiedSinceMs),
    oldest: facts.oldestMs === undefined ? null : isoTime(facts.oldestMs),
    verifyEvery: config.verifyMs === undefined ? null : config.verifyMs / 1000,
    bytes: facts.bytes,
  };
}

function phaseOf({ running, pending, pause, retryAtMs }: Job, nowMs: number): Phase {
  if (running) return running.summary.kind === 'verify' ? 'verifying' : 'running';
  if (pause) return 'paused';
  if (pending) return 'queued';
  return retryAtMs !== undefined && retryAtMs > nowMs ? 'backing-off' : 'waiting';
}

function factsOf(
  { config, facts, failures, history, pause, firstSeenMs }: Job,
  nowMs: number,
): JobFactsForVerdict {
  const failed = history.find(({ outcome }) => outcome === 'failed');
  return {
    tags: [...config.sla].map(([tag, slaMs]) => ({
      tag,
      lastMs: newestAt(carriersOf(tag, facts.taken), nowMs),
      slaMs,
    })),
    firstSeenMs,
    failures,
    failure: failed?.message ?? failed?.code ?? null,
    damaged: facts.damaged,
    newestDistrusted: facts.newestDistrusted,
    isPaused: pause !== undefined,
    verifiedSinceMs: facts.verifiedSinceMs,
    oldestMs: facts.oldestMs,
    verifyMs: config.verifyMs,
  };
}

function tagStatus(
  { due, firstSeenMs }: Job,
  judged: JobFactsForVerdict['tags'][number],
  nowMs: number,
): JobTagStatus {
  const next = due.find(({ tag }) => tag === judged.tag);
  return {
    tag: judged.tag,
    last: judged.lastMs === undefined ? null : isoTime(judged.lastMs),
    next: next ? isoTime(next.atMs) : null,
    sla: judged.slaMs / 1000,
    overdue: overdueMs(judged, firstSeenMs, nowMs) / 1000,
  };
}

function tagsBefore({ due }: Job, atMs: number): readonly string[] {
  return due.filter((tag) => tag.atMs <= atMs).map(({ tag }) => tag);
}
