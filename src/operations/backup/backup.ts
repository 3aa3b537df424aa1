import type { Config, SourceConfig } from '../../config/config.ts';
import { counted } from '../../domain/counted.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import { checkTags } from '../../domain/tags.ts';
import { backyError, isBackyError } from '../../errors.ts';
import { isIoError } from '../../io-error.ts';
import type { OperationOptions } from '../../native/engine.ts';
import { checkLoad } from '../../native/operate.ts';
import { updateLinks } from '../../repository/links.ts';
import { tryRemovalLock, withReaderLock, withWriterLock } from '../../repository/lock.ts';
import { type RevisionList, readRevisions } from '../../repository/read-revisions.ts';
import { purgeTrash } from '../../repository/trash-upkeep.ts';
import { openSource } from '../../sources/open-source.ts';
import { type Context, type EngineContext, type PlainContext, withEngine } from '../context.ts';
import { expireAfterBackup } from '../removal/expire.ts';
import { purgeAll, warningOf, warnOfUnrecorded } from '../removal/purge-all.ts';
import { refuseHalfRestored } from '../restore/refuse-half-restored.ts';
import { loadTrustedConfig, openTrustedSnapshotList } from '../trust.ts';
import { chooseTags, logNothingDue } from './choose-tags.ts';
import { notingRun, type OnBegin } from './note-last-run.ts';
import type { RevisionPlan } from './revision-plan.ts';
import { takeRevision } from './take-revision.ts';

/** Options of a backup. The configuration provides the default load limits. */
export interface BackupOptions extends OperationOptions {
  /** Tags of the new revision, at least one. By default, those that are due. */
  readonly tags?: readonly string[] | undefined;
  /**
   * A moment in the slot of the run. Tags that a good revision of that slot already carries are skipped, so a repeated
   * call takes nothing twice. Without `tags`, the run takes all tags of the schedule that the slot lacks.
   */
  readonly slot?: Date | undefined;
  /** Accept tags that are not in the schedule, a mounted device, and a source with an unfinished restore. */
  readonly force?: boolean | undefined;
}

/** A finished backup. */
export interface BackupResult {
  readonly record: RevisionRecord;
}

/**
 * Takes a new revision of the source, then expires old ones. The revision is complete, durable and listed when this
 * returns. A failure leaves no trace of it, with one exception: once the record is in place, the revision is complete
 * and listed, and only the links or the expiry have failed. After a crash, the next run purges the leftovers and
 * corrects the links. A note in the repository holds the outcome of the run.
 *
 * @returns undefined when no tag is due
 * @throws BACKY_UNTRUSTED, BACKY_LOCKED when another backup runs, BACKY_CONFIG_INVALID, BACKY_CHUNKED_REPOSITORY, BACKY_TAG_INVALID,
 *   BACKY_TAG_UNKNOWN, BACKY_SOURCE_MISSING, BACKY_SOURCE_UNREADABLE, BACKY_SOURCE_KIND, BACKY_SOURCE_MOUNTED,
 *   BACKY_SOURCE_RESTORING, BACKY_TOO_LARGE, BACKY_SOURCE_RESIZED, BACKY_SOURCE_SHORT, BACKY_SOURCE_UNFIT, BACKY_SOURCE_FORMAT, BACKY_SOURCE_DIFFERS, BACKY_SNAPSHOT_FAILED,
 *   BACKY_SNAPSHOT_LOST, BACKY_CLUSTER_UNREACHABLE, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED, BACKY_PROGRAM_FAILED,
 *   BACKY_DIFF_DAMAGED, BACKY_REFLINK_UNSUPPORTED, BACKY_READ_BACK, BACKY_INVALID_ARGUMENT, BACKY_IO, BACKY_CANCELLED
 */
export async function backup(
  context: Context,
  options: BackupOptions = {},
): Promise<BackupResult | undefined> {
  checkLoad(options);
  if (options.tags?.length === 0)
    throw backyError('BACKY_INVALID_ARGUMENT', {
      detail: 'tags is empty; leave it out for those that are due',
    });
  return notingRun(context, options, (begin) => run(context, options, begin));
}

async function run(
  unloaded: Context,
  options: BackupOptions,
  begin: OnBegin,
): Promise<BackupResult | undefined> {
  const config = await loadTrustedConfig(unloaded);
  const tags = options.tags && checkTags(options.tags, options.force ? undefined : config.schedule);
  const context = await withEngine(unloaded);
  const { engine, layout } = context;
  return withWriterLock(engine, layout, async () => {
    await ifNobodyReads(context, 'the purge', () =>
      orWarn(context, 'not all leftovers were purged', () => purgeBefore(context, config.graceMs)),
    );
    const work = { ...options, tags, config, begin };
    const record = await withReaderLock(engine, layout, options.signal, () => take(context, work));
    if (!record) return undefined;
    await ifNobodyReads(context, 'expiry', () => expireAfterBackup(context));
    return { record };
  });
}

interface Work extends BackupOptions {
  readonly config: Config;
  readonly begin: OnBegin;
}

/** Takes a revision for the requested tags, or for those that are due. The caller holds the locks. */
async function take(context: EngineContext, work: Work): Promise<RevisionRecord | undefined> {
  const { config, begin, slot } = work;
  try {
    const startedAt = context.clock();
    const list = await readRevisions(context.layout);
    await repairState(context, list);
    const request = { tags: work.tags, slot };
    const tags = chooseTags(config, list.revisions, request, startedAt);
    begin(tags);
    if (tags.length === 0) {
      logNothingDue(context.log, config, request);
      return undefined;
    }
    const plan = await planRevision(context, work, list, { tags, startedAt, slot });
    const { rate = config.rate, idle = config.idle } = work;
    return await takeRevision(context, plan, { ...work, rate, idle });
  } catch (error) {
    if (isIoError(error, 'ENOSPC', 'EDQUOT')) await makeSpace(context);
    throw error;
  }
}

/** Opens the source and collects everything else that a revision needs. */
async function planRevision(
  context: EngineContext,
  { config, force = false }: Work,
  { revisions, damaged, unreadable }: RevisionList,
  moment: Pick<RevisionPlan, 'tags' | 'startedAt' | 'slot'>,
): Promise<RevisionPlan> {
  const { layout, engine } = context;
  const left = await openTrustedSnapshotList(context);
  const source = openSource(withForce(config.source, force), layout.directory, engine, left);
  const unfinished = await refuseHalfRestored(context, source.target, force);
  const { requireReflink, sizeLimit } = config;
  return {
    config: config.source,
    source,
    revisions,
    damaged: damaged.length,
    unreadable: unreadable.length,
    ...moment,
    requireReflink,
    sizeLimit,
    unfinished,
  };
}

/** Warns of unusable files, and repairs the links and doubts that an interrupted run left unfinished. */
async function repairState(
  context: EngineContext,
  { revisions, unreadable, unrecorded }: RevisionList,
): Promise<void> {
  for (const { uuid, reason } of unreadable)
    context.log('warning', `revision ${uuid} is left out: ${reason}`);
  warnOfUnrecorded(context, unrecorded);
  await orWarn(context, 'the links were not set right', () =>
    updateLinks(context.engine, context.layout, revisions),
  );
  await orWarn(context, 'not all doubts were written down', () => finishDoubts(context, revisions));
}

/** Finishes marking revisions as doubtful, if a run was interrupted after it had found a wrong hint. */
async function finishDoubts(context: EngineContext, revisions: readonly RevisionRecord[]): Promise<void> {
  if (revisions.every(({ suspects = [] }) => suspects.length === 0)) return;
  const { markSuspects } = await import('./doubt-revisions.ts');
  await markSuspects(context, revisions);
}

function withForce(source: SourceConfig, force = false): SourceConfig {
  return force && source.type === 'file' ? { ...source, allowMounted: true } : source;
}

/**
 * Runs `work`, which removes files, unless a restore or a verification is using files. The next backup makes up for it.
 */
async function ifNobodyReads(
  { layout, log, engine }: EngineContext,
  what: string,
  work: () => Promise<void>,
): Promise<void> {
  const isDone = await tryRemovalLock(engine, layout, work);
  if (!isDone) log('info', `${what} is left to the next backup: somebody reads here`);
}

/** Purges leftovers of interrupted runs, and removed revisions whose grace period is over. */
async function purgeBefore(context: EngineContext, graceMs: number): Promise<void> {
  const nowMs = context.clock().getTime();
  await purgeAll(context, (removedAt) => nowMs - removedAt.getTime() > graceMs);
}

/** Runs `work` and turns I/O errors into warnings, because they must not prevent the backup. */
async function orWarn({ log }: PlainContext, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isBackyError(error, 'BACKY_IO')) throw error;
    log('warning', `${what} before the backup: ${error.message}. ${error.remedy}`);
  }
}

/** Empties the trash when the disk is full, so that the next backup has space. */
async function makeSpace(context: EngineContext): Promise<void> {
  const { layout, log, engine } = context;
  const gone = await purgeTrash(engine, layout, () => true, warningOf(context));
  if (gone.length > 0)
    log('warning', `the trash was emptied to make space: ${counted(gone.length, 'revision')}`);
}
