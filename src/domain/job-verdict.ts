import { DAY_MS, formatDuration } from './duration.ts';

/** As Nagios counts: `unknown` is worse than `ok` and better than `warning`. */
export type Verdict = 'ok' | 'warning' | 'critical' | 'unknown';

const WORST_FIRST: readonly Verdict[] = ['critical', 'warning', 'unknown', 'ok'];

/** Compares two verdicts for sorting: the worse one comes first. */
export function compareVerdicts(one: Verdict, other: Verdict): number {
  return WORST_FIRST.indexOf(one) - WORST_FIRST.indexOf(other);
}

/** The facts that decide on the verdict of a job. Times in milliseconds since 1970. */
export interface JobFactsForVerdict {
  readonly tags: readonly {
    readonly tag: string;
    /** The newest good revision that carries the tag. */
    readonly lastMs: number | undefined;
    /** The greatest age that it may have, in milliseconds. */
    readonly slaMs: number;
  }[];
  /** The moment since which revisions are expected. */
  readonly firstSeenMs: number;
  readonly failures: number;
  /** The message of the last failure. */
  readonly failure: string | null;
  readonly damaged: number;
  readonly newestDistrusted: boolean;
  readonly isPaused: boolean;
  /** The time since which every good revision was verified; undefined: one never was, or there is none. */
  readonly verifiedSinceMs: number | undefined;
  /** The time since which a verification is expected: that of the oldest good revision. */
  readonly oldestMs: number | undefined;
  readonly verifyMs: number | undefined;
}

/** A verdict with its reasons, the worst first. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly reasons: readonly string[];
}

/** A verification may be late by this share of its interval, and by a day at least. */
const VERIFY_TOLERANCE = 0.25;

/**
 * Judges a job. A broken SLA, damage and a distrusted newest revision are critical, also for a job that was never backed
 * up. A pause turns a broken SLA into a warning. Failures and late verifications are warnings.
 */
export function judgeJob(facts: JobFactsForVerdict, nowMs: number): Judgement {
  const late = lateTags(facts, nowMs);
  const critical = [
    ...(facts.isPaused ? [] : late),
    ...(facts.damaged > 0 ? [`${facts.damaged} damaged`] : []),
    ...(facts.newestDistrusted ? ['the newest revision is distrusted'] : []),
  ];
  const warning = [
    ...(facts.isPaused ? late.map((reason) => `${reason}, while it is paused`) : []),
    ...(facts.failures > 0 ? [failureText(facts)] : []),
    ...lateVerification(facts, nowMs),
  ];
  const verdict = critical.length > 0 ? 'critical' : warning.length > 0 ? 'warning' : 'ok';
  return { verdict, reasons: [...critical, ...warning] };
}

/** Milliseconds by which a tag is beyond its SLA; 0 within it. */
export function overdueMs(
  { lastMs, slaMs }: JobFactsForVerdict['tags'][number],
  firstSeenMs: number,
  nowMs: number,
): number {
  return Math.max(0, nowMs - (lastMs ?? firstSeenMs) - slaMs);
}

function lateTags({ tags, firstSeenMs }: JobFactsForVerdict, nowMs: number): readonly string[] {
  return tags.flatMap((tag) => {
    if (overdueMs(tag, firstSeenMs, nowMs) === 0) return [];
    const allowed = formatDuration(tag.slaMs);
    return tag.lastMs === undefined
      ? [`${tag.tag}: never backed up, ${allowed} allowed`]
      : [`${tag.tag}: last backed up ${formatDuration(nowMs - tag.lastMs)} ago, ${allowed} allowed`];
  });
}

function failureText({ failures, failure }: JobFactsForVerdict): string {
  const count = failures === 1 ? 'the last run failed' : `the last ${failures} runs failed`;
  return failure === null ? count : `${count}: ${failure}`;
}

function lateVerification(
  { verifyMs, verifiedSinceMs, oldestMs }: JobFactsForVerdict,
  nowMs: number,
): readonly string[] {
  if (verifyMs === undefined || oldestMs === undefined) return [];
  const sinceMs = verifiedSinceMs ?? oldestMs;
  if (nowMs - sinceMs <= verifyMs + Math.max(DAY_MS, verifyMs * VERIFY_TOLERANCE)) return [];
  return [`not verified for ${formatDuration(nowMs - sinceMs)}, ${formatDuration(verifyMs)} allowed`];
}
