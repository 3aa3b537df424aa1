import {
  type DamagedRevision,
  type IndexedRecord,
  isIndexed,
  type RevisionRecord,
} from '../../domain/revision.ts';
import { inOrderOfVerification } from '../../domain/verification-order.ts';
import { backyError, isBackyError } from '../../errors.ts';
import type { Engine, LoadOptions, OperationOptions, Progress, Verified } from '../../native/engine.ts';
import { checkLoad } from '../../native/operate.ts';
import type { Layout } from '../../repository/layout.ts';
import { withReaderLock } from '../../repository/lock.ts';
import { lookUpRevisions } from '../../repository/look-up.ts';
import { type RevisionList, readRevisions } from '../../repository/read-revisions.ts';
import type { Context } from '../context.ts';
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
  /** Which revisions; all of them, the damaged ones too, by default. */
  readonly revisions?: string | undefined;
  /** Leave out what was verified less than this many milliseconds ago. */
  readonly olderThan?: number | undefined;
  /** Begin no further revision after this many milliseconds. */
  readonly timeLimit?: number | undefined;
  /** Begin no further revision after this many bytes were read. */
  readonly sizeLimit?: number | undefined;
  /** Verify the newest revision first. With a limit, the one whose verification is longest ago comes first by default. */
  readonly newestFirst?: boolean | undefined;
  /** Give bad blocks their bytes back, where another place has them. */
  readonly repair?: boolean | undefined;
  /** Take records that were edited as they are now: they get a new checksum. */
  readonly acceptRecords?: boolean | undefined;
  /** Aborting it cancels the verification, which then fails with BACKY_CANCELLED. */
  readonly signal?: AbortSignal | undefined;
  /** Called five times a second with the progress of all revisions together, and the one that is being read. */
  readonly onProgress?: ((progress: Progress, uuid: string) => void) | undefined;
}

/** The findings. */
export interface VerifyResult {
  /** Whether every revision is good, and every record as backy wrote it or accepted. */
  readonly good: boolean;
  /** In the order in which they were verified: that of the spec, the oldest first by default. */
  readonly verdicts: readonly Verdict[];
  /** Number of revisions that a limit left for another run. */
  readonly remaining: number;
  /** Revisions that could not be verified because their records cannot be used. */
  readonly damaged: readonly DamagedRevision[];
}

/**
 * Reads whole images against their indexes. Good revisions become `verified`, bad ones `distrusted`, and the
 * links move away from a bad one. What is bad is a result, not an error. With `repair` a revision is good as well when
 * all of its bad blocks were healed, and what shares its damage is healed with it. A record that is not as backy wrote it
 * is a finding of its own; that the verdict is written into it does not hide that.
 *
 * @throws BACKY_UNTRUSTED to repair or accept, BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS, BACKY_INVALID_ARGUMENT,
 *   BACKY_LOCKED, BACKY_IO, BACKY_CANCELLED
 */
export async function verify(context: Context, options: VerifyOptions = {}): Promise<VerifyResult> {
  checkLoad(options);
  checkLimits(options);
  if (options.repair || options.acceptRecords) requireTrust(context);
  const { layout } = context;
  const engine = await context.engine();
  return withReaderLock(engine, layout, options.signal, async () => {
    const all = await readRevisions(layout);
    const { damaged, unreadable, ...selected } = select(layout, all, options.revisions);
    const revisions = ordered(selected.revisions, options, context.clock().getTime());
    const judged = await judgeAll(context, engine, { chosen: revisions, all: all.revisions }, options);
    const verdicts = [...unreadable.map(unreadableVerdict), ...judged];
    return {
      good: damaged.length === 0 && verdicts.every(isAllGood),
      verdicts,
      damaged,
      remaining: revisions.length - judged.length,
    };
  });
}

/** Verifies revisions one after the other, until a limit is used up. */
async function judgeAll(
  context: Context,
  engine: Engine,
  { chosen, all }: { readonly chosen: readonly RevisionRecord[]; readonly all: readonly RevisionRecord[] },
  options: VerifyOptions,
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  const follow = followAll(options, chosen);
  const isUsedUp = limitOf(options, context.clock);
  const verified = chosen.length > 1 ? engine.createVerified() : undefined;
  try {
    for (const [number, record] of chosen.entries()) {
      if (number > 0 && isUsedUp(verdicts)) break;
      const series = { record, verified, revisions: all };
      const verdict = await judge(context, engine, series, options, follow(number));
      const alteredRecord = await judgeRecord(context, engine, record.uuid, options.acceptRecords ?? false);
      verdicts.push({ ...verdict, alteredRecord });
    }
    return verdicts;
  } finally {
    // It holds an image open, whose space would stay taken if the revision were removed.
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

/** Returns whether a limit is used up. A revision that was begun is finished, so one is verified in any case. */
function limitOf(
  { timeLimit = Number.POSITIVE_INFINITY, sizeLimit = Number.POSITIVE_INFINITY }: VerifyOptions,
  clock: Context['clock'],
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
  // A damaged revision is a finding, too.
  const named = damaged.filter(({ uuid }) => uuid === spec?.trim());
  if (named.length > 0) return { revisions: [], damaged: named, unreadable: [] };
  if (spec === undefined) return { revisions, damaged, unreadable };
  if (spec.trim() === 'all')
    return { revisions: lookUpRevisions(layout, { ...list, unreadable: [] }, spec), damaged, unreadable };
  return { revisions: lookUpRevisions(layout, list, spec), damaged: [], unreadable: [] };
}

/** Says how the revision of a number is followed, so that the progress of all adds up. */
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

/** Reads one revision, says what else is damaged with it, and repairs it if that is wanted. */
async function judge(
  context: Context,
  engine: Engine,
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
    return verifyUnindexed(context, engine, record, operation);
  }
  const found = await verifyRevision(context, engine, record, operation, verified);
  const verdict = await withDamage(context, engine, { record, revisions }, found, options);
  return recordVerdict(context, engine, verdict);
}

/** Says which others are damaged with it, and repairs it if that is wanted. */
async function withDamage(
  context: Context,
  engine: Engine,
  { record, revisions }: { readonly record: IndexedRecord; readonly revisions: readonly RevisionRecord[] },
  verdict: Verdict,
  options: VerifyOptions,
): Promise<Verdict> {
  if (verdict.badBlocks.length === 0) return verdict;
  const { badBlocks, badCount } = verdict;
  // Loaded when there is damage: a verification that finds none is to a good part start-up.
  const { damageElsewhere, repair } = await import('./repair.ts');
  const sharers = await damageElsewhere(context, engine, record, badBlocks, {
    revisions,
    signal: options.signal,
  });
  if (!options.repair) return { ...verdict, sharers };
  const repaired = await repair(context, engine, { record, revisions, badBlocks, sharers }, options.signal);
  const isWhole = repaired.healed.length === badCount;
  return { ...verdict, verdict: isWhole ? 'good' : 'bad', sharers, repair: repaired };
}

/** The one thing that a good verdict does not say of every revision. */
const OWN_INDEX =
  'its index was made from the image when it was adopted: it has not changed since, and more is not known';

async function verifyRevision(
  { layout, log, clock }: Context,
  engine: Engine,
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
