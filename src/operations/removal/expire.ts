import { loadConfig } from '../../config/load-config.ts';
import { type Alarm, planRetention, type RetentionVerdict, retainableOf } from '../../domain/retention.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import { backyError, isBackyError } from '../../errors.ts';
import type { FreedStats } from '../../native/engine.ts';
import { findInUse } from '../../repository/in-use.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import { rewriteRecord } from '../../repository/seal-revision.ts';
import { type Context, type EngineContext, type PlainContext, withEngine } from '../context.ts';
import { requireTrust } from '../trust.ts';
import { measureFreed } from './freed-space.ts';
import { warningOf } from './purge-all.ts';
import { removeRevisions, whileAlone } from './removing.ts';

/** Settings of an expiry. */
export interface ExpireOptions {
  /** Report the changes without making them. */
  readonly dryRun?: boolean | undefined;
  /** Carry out the plan despite an alarm. */
  readonly confirmed?: boolean | undefined;
}

/** The result of an expiry, done or planned. */
export interface ExpireResult {
  /** One for each readable revision, oldest first. */
  readonly verdicts: readonly ExpireVerdict[];
  /** The reason why the plan needs a confirmation. */
  readonly alarm?: Alarm;
  /** Space that becomes free once the trash is emptied. */
  readonly freed: FreedStats;
  readonly dryRun: boolean;
}

/** The verdict on a revision, with its reasons. */
export interface ExpireVerdict extends RetentionVerdict {
  readonly record: RevisionRecord;
}

/**
 * Applies the schedule: removes expired tags, and revisions that nothing keeps.
 *
 * @throws BACKY_UNTRUSTED, BACKY_EXPIRY_STOPPED when the plan is implausible and not confirmed; nothing is changed then.
 *   BACKY_REVISION_BUSY for a revision in use, which stays when all others are gone.
 *   BACKY_LOCKED, BACKY_CONFIG_INVALID, BACKY_IO
 */
export async function expire(context: Context, options: ExpireOptions = {}): Promise<ExpireResult> {
  requireTrust(context);
  const loaded = await withEngine(context);
  const { engine, layout } = loaded;
  const { dryRun = false } = options;
  if (dryRun) {
    const planned = await plan(context);
    const inUse = await findInUse(engine, layout, goingOf(planned.verdicts));
    for (const [uuid, error] of inUse) warningOf(context)(uuid, error);
    return { ...(await preview(loaded, planned)), dryRun };
  }
  return whileAlone(loaded, async () => {
    const planned = await plan(context);
    if (planned.alarm && !options.confirmed) throw stopped(layout.directory, planned.alarm);
    const result = await preview(loaded, planned);
    await carryOut(loaded, planned);
    return { ...result, dryRun };
  });
}

/**
 * Expires after a backup. An error only causes a warning, because the backup itself is good. The caller holds both
 * locks.
 */
export async function expireAfterBackup(context: EngineContext): Promise<void> {
  try {
    const planned = await plan(context);
    if (planned.alarm) throw stopped(context.layout.directory, planned.alarm);
    await carryOut(context, planned);
  } catch (error) {
    if (!isBackyError(error)) throw error;
    context.log('warning', `${error.message}. ${error.remedy}`);
  }
}

interface Plan {
  readonly verdicts: readonly ExpireVerdict[];
  /** Milliseconds for which removed revisions can be brought back. */
  readonly graceMs: number;
  readonly alarm?: Alarm;
}

async function plan({ layout, clock }: PlainContext): Promise<Plan> {
  const { schedule, graceMs } = await loadConfig(layout.config);
  const { revisions } = await readRevisions(layout);
  const { verdicts, alarm } = planRetention(schedule, revisions.map(retainableOf), clock().getTime());
  const withRecords = revisions.flatMap((record, index): ExpireVerdict[] => {
    const verdict = verdicts[index];
    return verdict ? [{ ...verdict, record }] : [];
  });
  return { verdicts: withRecords, graceMs, ...(alarm ? { alarm } : {}) };
}

async function preview(
  context: EngineContext,
  { verdicts, alarm }: Plan,
): Promise<Omit<ExpireResult, 'dryRun'>> {
  const freed = await measureFreed(context, goingOf(verdicts));
  return { verdicts, ...(alarm ? { alarm } : {}), freed };
}

async function carryOut(context: EngineContext, { verdicts, graceMs }: Plan): Promise<void> {
  const { layout, log, engine } = context;
  for (const { record, kept, expiredTags } of verdicts) {
    if (!kept || expiredTags.length === 0) continue;
    const tags = record.tags.filter((tag) => !expiredTags.includes(tag));
    await rewriteRecord(engine, layout, { ...record, tags });
    log('info', `${record.uuid} has lost ${expiredTags.join(', ')}`);
  }
  await removeRevisions(context, goingOf(verdicts), graceMs, 'has expired');
}

function goingOf(verdicts: readonly ExpireVerdict[]): readonly string[] {
  return verdicts.filter(({ kept }) => !kept).map(({ uuid }) => uuid);
}

function stopped(path: string, alarm: Alarm) {
  return backyError('BACKY_EXPIRY_STOPPED', { path, problem: describeAlarm(alarm) }, { details: { alarm } });
}

function describeAlarm(alarm: Alarm): string {
  switch (alarm.alarm) {
    case 'clock': {
      const [newest, now] = [alarm.newestMs, alarm.nowMs].map((time) => new Date(time).toISOString());
      return `the newest revision is from ${newest}, and the clock says ${now}`;
    }
    case 'half':
      return `${alarm.removed} of ${alarm.revisions} revisions would go`;
  }
}
