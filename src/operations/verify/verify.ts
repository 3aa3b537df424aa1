import {
  type DamagedRevision,
  type IndexedRecord,
  isIndexed,
  type RevisionRecord,
} from '../../domain/revision.ts';
import { inOrderOfVerification } from '../../domain/verification-order.ts';
import { backyError, isBackyError } from '../../errors.ts';
import type { LoadOptions, OperationOptions, Progress, Verified } from '../../native/engine.ts';
import { checkLoad } from '../../native/operate.ts';
import type { Layout } from '../../repository/layout.ts';
import { withReaderLock } from '../../repository/lock.ts';
import { lookUpRevisions } from '../../repository/look-up.ts';
import { type RevisionList, readRevisions } from '../../repository/read-revisions.ts';
import { type Context, type EngineContext, type PlainContext, withEngine } from '../context.ts';
import { requireTrust } from '../trust.ts';
import { wholeProgress } from '../whole-progress.ts';
import { judgeRecord } from './altered-record.ts';
import {
  failedVerdict,
  NOTHING_BAD,
  recordVerdict,
  unreadableVerdict,
  type Verdict,
} from './record-verdict.ts';

/** The revisions to verify. */
export interface VerifyOptions extends LoadOptions {
  /** A revision spec; by default all revisions, including damaged ones. */
  readonly revisions?: string | undefined;
  /** Skip revisions that were verified less than this many milliseconds ago. */
  readonly olderThan?: number | undefined;
  /** Start no further revision after this many milliseconds. */
  readonly timeLimit?: number | undefined;
  /** Start no further revision after reading this many bytes. */
  readonly sizeLimit?: number | undefined;
  /** Verify the newest revision first. By default, a run with a limit starts with the least recently verified one. */
  readonly newestFirst?: boolean | undefined;
  /** Repair bad blocks whose bytes exist elsewhere. */
  readonly repair?: boolean | undefined;
  /** Accept edited records as they are, with a new checksum. */
  readonly acceptRecords?: boolean | undefined;
  /** Aborting it cancels the verification, which then fails with BACKY_CANCELLED. */
  readonly signal?: AbortSignal | undefined;
  /** Called five times a second with the total progress and the id of the current revision. */
  readonly onProgress?: ((progress: Progress, uuid: string) => void) | undefined;
}

/** The result of a verification. */
export interface VerifyResult {
  /** Whether every revision is good, and every record is unaltered or accepted. */
  readonly good: boolean;
  /** In the order of verification: that of the spec, oldest first by default. */
  readonly verdicts: readonly Verdict[];
  /** Number of revisions that a limit left for the next run. */
  readonly remaining: number;
  /** Revisions with unusable records, which cannot be verified. */
  readonly damaged: readonly DamagedRevision[];
}

/**
 * Compares whole images with their indexes. Good revisions become `verified`, bad ones `distrusted`, and the links move
 * away from bad ones. A bad revision is a result, not an error. With `repair`, a revision is also good if all of its
 * bad blocks were repaired; revisions that share the damage are repaired with it. An altered record is a separate
 * finding, and writing the verdict into it does not hide that.
 *
 * @throws BACKY_UNTRUSTED to repair or accept, BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS, BACKY_INVALID_ARGUMENT,
 *   BACKY_LOCKED, BACKY_IO, BACKY_CANCELLED
 */
export async function verify(context: Context, options: VerifyOptions = {}): Promise<VerifyResult> {
  checkLoad(options);
  checkLimits(options);
  if (options.repair || options.acceptRecords) requireTrust(context);
  const loaded = await withEngine(context);
  const { engine, layout } = loaded;
  return withReaderLock(engine, layout, options.signal, async () => {
    const all = await readRevisions(layout);
    const { damaged, unreadable, ...selected } = select(layout, all, options.revisions);
    const revisions = ordered(selected.revisions, options, context.clock().getTime());
    const judged = await judgeAll(loaded, { chosen: revisions, all: all.revisions }, options);
    const verdicts = [...unreadable.map(unreadableVerdict), ...judged];
    return {
      good: damaged.length === 0 && verdicts.every(isAllGood),
      verdicts,
      damaged,
      remaining: revisions.length - judged.length,
    };
  });
}

/** Verifies revisions one by one, until a limit is reached. */
async function judgeAll(
  context: EngineContext,
  { chosen, all }: { readonly chosen: readonly RevisionRecord[]; readonly all: readonly RevisionRecord[] },
  options: VerifyOptions,
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  const follow = followAll(options, chosen);
  const isUsedUp = limitOf(options, context.clock);
  const verified = chosen.length > 1 ? context.engine.createVerified() : undefined;
  try {
    for (const [number, record] of chosen.entries()) {
      if (number > 0 && isUsedUp(verdicts)) break;
      const series = { record, verified, revisions: all };
      const verdict = await judge(context, series, options, follow(number));
      const alteredRecord = await judgeRecord(context, record.uuid, options.acceptRecords ?? false);
      verdicts.push({ ...verdict, alteredRecord });
    }
    return verdicts;
  } finally {
    // It holds an image open. If the revision were removed, its space would stay in use.
    verified?.release();
  }
}

function checkLimits(options: VerifyOptions): void {
  for (const name of ['olderThan', 'timeLimit', 'sizeLimit'] as const) {
    const value = options[name];
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue;
    throw backyError('BACKY_INVALID_ARGUMENT', {
      detail: `${name} is ${value}, not a whole number of 1 or more`,
    });
  }
}

function ordered(
  revisions: readonly RevisionRecord[],
  { olderThan, timeLimit, sizeLimit, newestFirst }: VerifyOptions,
  nowMs: number,
): readonly RevisionRecord[] {
  const stalestFirst = timeLimit !== undefined || sizeLimit !== undefined;
  return inOrderOfVerification(revisions, { olderThanMs: olderThan, newestFirst, stalestFirst }, nowMs);
}

/** Returns a test whether a limit is reached. A started revision is finished, so at least one is verified. */
function limitOf(
  { timeLimit = Number.POSITIVE_INFINITY, sizeLimit = Number.POSITIVE_INFINITY }: VerifyOptions,
  clock: PlainContext['clock'],
): (verdicts: readonly Verdict[]) => boolean {
  const startMs = clock().getTime();
  return (verdicts) =>
    clock().getTime() - startMs >= timeLimit ||
    verdicts.reduce((sum, { bytesRead }) => sum + bytesRead, 0) >= sizeLimit;
}

function isAllGood({ verdict, alteredRecord }: Verdict): boolean {
  return verdict === 'good' && (alteredRecord === null || alteredRecord.accepted);
}

function select(
  layout: Layout,
  list: RevisionList,
  spec: string | undefined,
): Pick<RevisionList, 'revisions' | 'damaged' | 'unreadable'> {
  const { revisions, damaged, unreadable } = list;
  // A damaged revision is a finding and may be named.
  const named = damaged.filter(({ uuid }) => uuid === spec?.trim());
  if (named.length > 0) return { revisions: [], damaged: named, unreadable: [] };
  if (spec === undefined) return { revisions, damaged, unreadable };
  if (spec.trim() === 'all')
    return { revisions: lookUpRevisions(layout, { ...list, unreadable: [] }, spec), damaged, unreadable };
  return { revisions: lookUpRevisions(layout, list, spec), damaged: [], unreadable: [] };
}

/** Returns the options for each revision, whose progress adds up to the total. */
function followAll(
  { onProgress, ...options }: VerifyOptions,
  revisions: readonly RevisionRecord[],
): (number: number) => OperationOptions {
  if (!onProgress) return () => options;
  let current = '';
  const observers = wholeProgress(
    (progress) => onProgress(progress, current),
    revisions.map(({ size }) => size),
  );
  return (number) => {
    current = revisions[number]?.uuid ?? '';
    return { ...options, onProgress: observers[number] };
  };
}

/** Verifies one revision, finds others that share its damage, and repairs it if requested. */
async function judge(
  context: EngineContext,
  {
    record,
    revisions,
    verified,
  }: {
    readonly record: RevisionRecord;
    readonly revisions: readonly RevisionRecord[];
    readonly verified: Verified | undefined;
  },
  options: VerifyOptions,
  operation: OperationOptions,
): Promise<Verdict> {
  if (!isIndexed(record)) {
    const { verifyUnindexed } = await import('./verify-unindexed.ts');
    return verifyUnindexed(context, record, operation);
  }
  const found = await verifyRevision(context, record, operation, verified);
  const verdict = await withDamage(context, { record, revisions }, found, options);
  return recordVerdict(context, verdict);
}

/** Adds other revisions that share the damage, and the repair if requested. */
async function withDamage(
  context: EngineContext,
  { record, revisions }: { readonly record: IndexedRecord; readonly revisions: readonly RevisionRecord[] },
  verdict: Verdict,
  options: VerifyOptions,
): Promise<Verdict> {
  if (verdict.badBlocks.length === 0) return verdict;
  const { badBlocks, badCount } = verdict;
  // Loaded late, because start-up is a large part of a verification that finds no damage.
  const { damageElsewhere, repair } = await import('./repair.ts');
  const sharers = await damageElsewhere(context, record, badBlocks, {
    revisions,
    signal: options.signal,
  });
  if (!options.repair) return { ...verdict, sharers };
  const repaired = await repair(context, { record, revisions, badBlocks, sharers }, options.signal);
  const isWhole = repaired.healed.length === badCount;
  return { ...verdict, verdict: isWhole ? 'good' : 'bad', sharers, repair: repaired };
}

/** The reservation about an index that was made from the image itself. */
const OWN_INDEX =
  'its index was made from the image when it was adopted: it has not changed since, and more is not known';

async function verifyRevision(
  { layout, log, clock, engine }: EngineContext,
  record: IndexedRecord,
  operation: OperationOptions,
  verified: Verified | undefined,
): Promise<Verdict> {
  const { uuid, size, digest } = record;
  log('info', `verifying ${uuid}`);
  const { image, index } = layout.files(uuid);
  const timestamp = clock().toISOString();
  const report = layout.report(uuid, timestamp);
  const reportHeader = JSON.stringify({ uuid, timestamp, image, size, digest });
  const options = { image, index, size, digest, report, reportHeader };
  try {
    const stats = await engine.verifyImage(options, operation, verified);
    const { bytesRead, bytesShared, badCount, badBlocks, reportProblem } = stats;
    if (reportProblem !== undefined) log('warning', `the report ${report} was not written: ${reportProblem}`);
    return {
      ...NOTHING_BAD,
      uuid,
      verdict: badCount === 0 ? 'good' : 'bad',
      size,
      bytesRead,
      bytesShared,
      badCount,
      badBlocks,
      problem: badCount === 0 && record.adopted?.index === 'made' ? OWN_INDEX : null,
      report: badCount > 0 && reportProblem === undefined ? report : null,
    };
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    return failedVerdict(uuid, size, error);
  }
}
