import { loadConfig } from '../../config/load-config.ts';
import { type Alarm, planRetention, type RetentionVerdict, retainableOf } from '../../domain/retention.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import { backyError, isBackyError } from '../../errors.ts';
import type { Engine, FreedStats } from '../../native/engine.ts';
import { findInUse } from '../../repository/in-use.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import { rewriteRecord } from '../../repository/seal-revision.ts';
import type { Context } from '../context.ts';
import { requireTrust } from '../trust.ts';
import { measureFreed } from './freed-space.ts';
import { warningOf } from './purge-all.ts';
import { removeRevisions, whileAlone } from './removing.ts';

/** Settings of an expiry. */
export interface ExpireOptions {
  /** Only say what would be done. */
  readonly dryRun?: boolean | undefined;
  /** Carry the plan out although it raises an alarm. */
  readonly confirmed?: boolean | undefined;
}

/** The result of an expiry, done or planned. */
export interface ExpireResult {
  /** One for each readable revision, oldest first. */
  readonly verdicts: readonly ExpireVerdict[];
  /** The reason why the plan waits for a confirmation. */
  readonly alarm?: Alarm;
  /** Space that deleting these revisions frees once the trash is emptied. */
  readonly freed: FreedStats;
  readonly dryRun: boolean;
}

/** The verdict on a revision, with its reasons. */
export interface ExpireVerdict extends RetentionVerdict {
  readonly record: RevisionRecord;
}

/**
 * Applies the schedule: takes expired tags away, and removes the revisions that nothing keeps.
 *
 * @throws BACKY_UNTRUSTED, BACKY_EXPIRY_STOPPED when the plan is implausible and not confirmed; nothing is changed then.
 *   BACKY_REVISION_BUSY for a revision in use, which stays when all others are gone.
 *   BACKY_LOCKED, BACKY_CONFIG_INVALID, BACKY_IO
 */
export async function expire(context: Context, options: ExpireOptions = {}): Promise<ExpireResult> {
  requireTrust(context);
  const { layout } = context;
  const engine = await context.engine();
  const { dryRun = false } = options;
  if (dryRun) {
    const planned = await plan(context);
    const inUse = await findInUse(engine, layout, goingOf(planned.verdicts));
    for (const [uuid, error] of inUse) warningOf(context)(uuid, error);
    return { ...(await preview(engine, context, planned)), dryRun };
  }
  return whileAlone(engine, layout, async () => {
    const planned = await plan(context);
    if (planned.alarm && !options.confirmed) throw stopped(layout.directory, planned.alarm);
    const result = await preview(engine, context, planned);
    await carryOut(context, engine, planned);
    return { ...result, dryRun };
  });
}

/**
 * Expires after a backup. Whatever is wrong with that is only warned of: the backup is good all the same.
 * The caller holds both locks.
 */
export async function expireAfterBackup(context: Context, engine: Engine): Promise<void> {
  try {
    const planned = await plan(context);
    if (planned.alarm) throw stopped(context.layout.directory, planned.alarm);
    await carryOut(context, engine, planned);
  } catch (error) {
    if (!isBackyError(error)) throw error;
    context.log('warning', `${error.message}. ${error.remedy}`);
  }
}

interface Plan {
  readonly verdicts: readonly ExpireVerdict[];
  /** For how long what goes can be brought back, in milliseconds. */
  readonly graceMs: number;
  readonly alarm?: Alarm;
}

async function plan({ layout, clock }: Context): Promise<Plan> {
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
  engine: Engine,
  context: Context,
  { verdicts, alarm }: Plan,
): Promise<Omit<ExpireResult, 'dryRun'>> {
  const freed = await measureFreed(engine, context, goingOf(verdicts));
  return { verdicts, ...(alarm ? { alarm } : {}), freed };
}

async function carryOut(context: Context, engine: Engine, { verdicts, graceMs }: Plan): Promise<void> {
  const { layout, log } = context;
  for (const { record, kept, expiredTags } of verdicts) {
    if (!kept || expiredTags.length === 0) continue;
    const tags = record.tags.filter((tag) => !expiredTags.includes(tag));
    await rewriteRecord(engine, layout, { ...record, tags });
    log('info', `${record.uuid} has lost ${expiredTags.join(', ')}`);
  }
  await removeRevisions(context, engine, goingOf(verdicts), graceMs, 'has expired');
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
