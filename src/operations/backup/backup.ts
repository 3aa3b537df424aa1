import type { Config, SourceConfig } from '../../config/config.ts';
import { counted } from '../../domain/counted.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import { checkTags } from '../../domain/tags.ts';
import { backyError, isBackyError } from '../../errors.ts';
import { isIoError } from '../../io-error.ts';
import type { Engine, OperationOptions } from '../../native/engine.ts';
import { checkLoad } from '../../native/operate.ts';
import { updateLinks } from '../../repository/links.ts';
import { tryRemovalLock, withReaderLock, withWriterLock } from '../../repository/lock.ts';
import { type RevisionList, readRevisions } from '../../repository/read-revisions.ts';
import { purgeTrash } from '../../repository/trash-upkeep.ts';
import { openSource } from '../../sources/open-source.ts';
import type { Context } from '../context.ts';
import { expireAfterBackup } from '../removal/expire.ts';
import { purgeAll, warningOf, warnOfUnrecorded } from '../removal/purge-all.ts';
import { refuseHalfRestored } from '../restore/refuse-half-restored.ts';
import { loadTrustedConfig, openTrustedSnapshotList } from '../trust.ts';
import { chooseTags, logNothingDue } from './choose-tags.ts';
import { notingRun, type OnBegin } from './note-last-run.ts';
import type { RevisionPlan } from './revision-plan.ts';
import { takeRevision } from './take-revision.ts';

/** The purpose of a backup. The configuration limits its load, unless it is given here. */
export interface BackupOptions extends OperationOptions {
  /** Tags of the new revision, one at least; absent: those that are due. */
  readonly tags?: readonly string[] | undefined;
  /**
   * A moment of the slot that the run is for. Tags that a good revision of that slot already carries are left out, so
   * that asking again takes nothing twice; without `tags`, all tags of the schedule that the slot lacks are taken.
   */
  readonly slot?: Date | undefined;
  /** Take tags that the schedule does not have, read a device that is mounted, and a source that a restore left half-done. */
  readonly force?: boolean | undefined;
}

/** A backup that was made. */
export interface BackupResult {
  readonly record: RevisionRecord;
}

/**
 * Takes a new revision of the source, then expires. The revision is complete, durable and listed when this returns.
 * After a failure nothing of it is left, unless its record was in place already: then it is listed and complete, and
 * what did not work is the links or what comes after. What a crash leaves, wrong links too, the next run sets right.
 * A note in the repository says how the run ended.
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
  context: Context,
  options: BackupOptions,
  begin: OnBegin,
): Promise<BackupResult | undefined> {
  const config = await loadTrustedConfig(context);
  const tags = options.tags && checkTags(options.tags, options.force ? undefined : config.schedule);
  const engine = await context.engine();
  return withWriterLock(engine, context.layout, async () => {
    await ifNobodyReads(context, engine, 'the purge', () =>
      orWarn(context, 'not all leftovers were purged', () => purgeBefore(context, engine, config.graceMs)),
    );
    const work = { ...options, tags, config, engine, begin };
    const record = await withReaderLock(engine, context.layout, options.signal, () => take(context, work));
    if (!record) return undefined;
    await ifNobodyReads(context, engine, 'expiry', () => expireAfterBackup(context, engine));
    return { record };
  });
}

interface Work extends BackupOptions {
  readonly config: Config;
  readonly engine: Engine;
  readonly begin: OnBegin;
}

/** Takes a revision for the tags that are wanted or due. The caller holds the locks. */
async function take(context: Context, work: Work): Promise<RevisionRecord | undefined> {
  const { config, engine, begin, slot } = work;
  try {
    const startedAt = context.clock();
    const list = await readRevisions(context.layout);
    await settle(context, engine, list);
    const request = { tags: work.tags, slot };
    const tags = chooseTags(config, list.revisions, request, startedAt);
    begin(tags);
    if (tags.length === 0) {
      logNothingDue(context.log, config, request);
      return undefined;
    }
    const plan = await planRevision(context, work, list, { tags, startedAt, slot });
    const { rate = config.rate, idle = config.idle } = work;
    return await takeRevision(context, engine, plan, { ...work, rate, idle });
  } catch (error) {
    if (isIoError(error, 'ENOSPC', 'EDQUOT')) await makeSpace(context, engine);
    throw error;
  }
}

/** Opens the source and decides everything else that a revision needs. */
async function planRevision(
  context: Context,
  { config, engine, force = false }: Work,
  { revisions, damaged, unreadable }: RevisionList,
  moment: Pick<RevisionPlan, 'tags' | 'startedAt' | 'slot'>,
): Promise<RevisionPlan> {
  const left = await openTrustedSnapshotList(context, engine);
  const source = openSource(withForce(config.source, force), context.layout.directory, engine, left);
  const unfinished = await refuseHalfRestored(context, engine, source.target, force);
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

/** Warns of files that the run leaves alone, and sets right what earlier runs left wrong. */
async function settle(
  context: Context,
  engine: Engine,
  { revisions, unreadable, unrecorded }: RevisionList,
): Promise<void> {
  for (const { uuid, reason } of unreadable)
    context.log('warning', `revision ${uuid} is left out: ${reason}`);
  warnOfUnrecorded(context, unrecorded);
  await orWarn(context, 'the links were not set right', () => updateLinks(engine, context.layout, revisions));
  await orWarn(context, 'not all doubts were written down', () => finishDoubts(context, engine, revisions));
}

/** Finishes the work of a run that was interrupted after it had found a wrong hint. */
async function finishDoubts(
  context: Context,
  engine: Engine,
  revisions: readonly RevisionRecord[],
): Promise<void> {
  if (revisions.every(({ suspects = [] }) => suspects.length === 0)) return;
  const { settleDoubts } = await import('./doubt-revisions.ts');
  await settleDoubts(context, engine, revisions);
}

function withForce(source: SourceConfig, force = false): SourceConfig {
  return force && source.type === 'file' ? { ...source, allowMounted: true } : source;
}

/** Removing is for when nobody restores or verifies: they would miss what goes. The next backup makes up for it. */
async function ifNobodyReads(
  { layout, log }: Context,
  engine: Engine,
  what: string,
  work: () => Promise<void>,
): Promise<void> {
  const isDone = await tryRemovalLock(engine, layout, work);
  if (!isDone) log('info', `${what} is left to the next backup: somebody reads here`);
}

/** Takes away what interrupted runs left, and what has been in the trash for its time. */
async function purgeBefore(context: Context, engine: Engine, graceMs: number): Promise<void> {
  const nowMs = context.clock().getTime();
  await purgeAll(context, engine, (removedAt) => nowMs - removedAt.getTime() > graceMs);
}

/** Leftovers of interrupted runs keep nobody from taking a backup. */
async function orWarn({ log }: Context, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isBackyError(error, 'BACKY_IO')) throw error;
    log('warning', `${what} before the backup: ${error.message}. ${error.remedy}`);
  }
}

/** The disk is full: what was removed before goes for good, so that the next backup has its space. */
async function makeSpace(context: Context, engine: Engine): Promise<void> {
  const { layout, log } = context;
  const gone = await purgeTrash(engine, layout, () => true, warningOf(context));
  if (gone.length > 0)
    log('warning', `the trash was emptied to make space: ${counted(gone.length, 'revision')}`);
}
