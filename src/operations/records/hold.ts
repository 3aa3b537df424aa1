import { backyError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { type EditResult, editRecords } from './edit-records.ts';

/** A hold to place on revisions. */
export interface HoldOptions {
  /** The reason, shown to people. */
  readonly reason: string;
  /** End of the hold. Absent if only `release` ends it. */
  readonly until?: Date | undefined;
  /** A revision spec; `last` by default. */
  readonly revisions?: string | undefined;
}

/** Characters. Commands read thousands of records, so they must stay small. */
const LONGEST_REASON = 1000;

/**
 * Protects revisions from removal, by the schedule and by people. A second hold replaces reason and end.
 *
 * @throws BACKY_HOLD_INVALID without a reason, with one of more than 1,000 characters, or when the end is past; BACKY_REVISION_UNKNOWN,
 *   BACKY_REVISION_AMBIGUOUS, BACKY_LOCKED, BACKY_IO
 */
export async function hold(context: Context, options: HoldOptions): Promise<EditResult> {
  const { until, revisions = 'last' } = options;
  const reason = options.reason.trim();
  const now = context.clock();
  if (reason === '') throw backyError('BACKY_HOLD_INVALID', { problem: 'A hold needs a reason' });
  if (reason.length > LONGEST_REASON)
    throw backyError('BACKY_HOLD_INVALID', { problem: 'The reason of a hold has up to 1,000 characters' });
  if (until && !(until.getTime() > now.getTime()))
    throw backyError('BACKY_HOLD_INVALID', { problem: 'The end of a hold is a time to come' });
  const since = now.toISOString();
  const result = await editRecords(context, revisions, (record) => ({
    ...record,
    hold: { reason, since, until: until?.toISOString() ?? null },
  }));
  for (const { uuid } of result.revisions) context.log('info', `${uuid} is held: ${reason}`);
  return result;
}

/**
 * Ends the hold of revisions. Revisions without a hold stay as they are.
 *
 * @param revisions which; `last` by default
 * @throws BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS, BACKY_LOCKED, BACKY_IO
 */
export async function release(context: Context, revisions = 'last'): Promise<EditResult> {
  const result = await editRecords(context, revisions, (record) => {
    if (!record.hold) return record;
    const { hold: _, ...rest } = record;
    return rest;
  });
  for (const { uuid } of result.revisions) context.log('info', `${uuid} is not held`);
  return result;
}
