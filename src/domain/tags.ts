import { type BackyError, backyError } from '../errors.ts';
import { nearest } from './nearest.ts';
import type { Schedule } from './schedule.ts';

const TAG = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
/** Limit of tags, because too large a record would count as damaged. */
const MOST_TAGS = 100;
const MANUAL_PREFIX = 'manual:';
/** The tag of a run that somebody asks for while no tag is due. */
export const RUN_TAG = 'manual:run';

/**
 * Whether a text is valid as a new tag. The Python backy allowed any text, even the empty one, so existing schedules and
 * records may have other tags.
 */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** Whether a tag was set by hand. It is outside the schedule and keeps its revision until it is removed. */
export function isManualTag(tag: string): boolean {
  return tag.startsWith(MANUAL_PREFIX);
}

/** Splits a list such as `daily,manual:before-upgrade`; the tags are not checked yet. */
export function splitTags(list: string): readonly string[] {
  return list.split(',').map((tag) => tag.trim());
}

/**
 * Checks requested tags and drops duplicates.
 *
 * @param schedule its tags are allowed, besides those with the prefix `manual:`; without it any tag is allowed
 * @throws BACKY_TAG_INVALID, BACKY_TAG_UNKNOWN, BACKY_INVALID_ARGUMENT for too many
 */
export function checkTags(tags: readonly string[], schedule?: Schedule): readonly string[] {
  for (const tag of tags) {
    if (schedule?.has(tag)) continue;
    if (!isTag(tag)) throw backyError('BACKY_TAG_INVALID', { tag });
    if (schedule && !isManualTag(tag)) throw unknownTag(tag, schedule);
  }
  return limitTags([...new Set(tags)]);
}

/** Returns the tags unchanged. @throws BACKY_INVALID_ARGUMENT for more than 100 tags */
export function limitTags(tags: readonly string[]): readonly string[] {
  if (tags.length <= MOST_TAGS) return tags;
  throw backyError('BACKY_INVALID_ARGUMENT', { detail: `a revision has up to ${MOST_TAGS} tags` });
}

function unknownTag(tag: string, schedule: Schedule): BackyError {
  const near = nearest(tag, schedule.keys());
  const known = schedule.size > 0 ? `It has ${[...schedule.keys()].join(', ')}` : 'It has none';
  const hint = near ? `Did you mean "${near}"?` : `${known}.`;
  const suggestion = `${hint} "${MANUAL_PREFIX}${tag}" is accepted in any case, and so is every tag with --force`;
  return backyError('BACKY_TAG_UNKNOWN', { tag, suggestion });
}
