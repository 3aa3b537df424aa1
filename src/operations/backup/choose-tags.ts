import type { Config } from '../../config/config.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import { dueTags, missingTags, NOTHING_EVER } from '../../domain/schedule.ts';
import { zoneOf } from '../../domain/time-zone.ts';
import type { Log } from '../context.ts';

/** The tags and the slot that a run was asked for. */
export interface Request {
  /** By default, the tags of the schedule. */
  readonly tags?: readonly string[] | undefined;
  /** A moment in the slot. Absent if the run takes what is due now. */
  readonly slot?: Date | undefined;
}

/**
 * Returns the tags of the next revision; none if nothing is due. With a slot, these are the tags that no good revision
 * of that slot carries, so repeated runs take only one revision.
 */
export function chooseTags(
  { schedule, timeZone }: Config,
  revisions: readonly RevisionRecord[],
  { tags, slot }: Request,
  now: Date,
): readonly string[] {
  if (!slot) return tags ?? dueTags(schedule, revisions, now, zoneOf(timeZone));
  const wanted = tags ?? [...schedule.keys()];
  return missingTags(wanted, slot.getTime(), { schedule, revisions, zone: zoneOf(timeZone) });
}

/** Logs that nothing is due. Warns if the schedule is empty, because nothing will ever be due. */
export function logNothingDue(log: Log, { schedule }: Config, { tags, slot }: Request): void {
  const isFutile = !tags && schedule.size === 0;
  const reason = slot
    ? `nothing is due: the slot of ${slot.toISOString()} has all its tags`
    : 'nothing is due';
  log(isFutile ? 'warning' : 'info', isFutile ? NOTHING_EVER : reason);
}
