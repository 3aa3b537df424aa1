import { type BackyError, backyError } from '../errors.ts';
import { nearest } from './nearest.ts';
import type { Schedule } from './schedule.ts';

const TAG = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
/** Nobody gives this many; but each makes the record larger, and one that is too large is taken for damaged. */
const MOST_TAGS = 100;
const MANUAL_PREFIX = 'manual:';

/**
 * Whether a text is a tag that may be given to something new. The Python backy took any text for one, the empty one
 * included: what a schedule or a record has stays what it is.
 */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** Whether a tag was given by hand: no schedule knows it, and it keeps its revision until it is taken away. */
export function isManualTag(tag: string): boolean {
  return tag.startsWith(MANUAL_PREFIX);
}

/** Splits a list such as `daily,manual:before-upgrade`; the tags are not checked yet. */
export function splitTags(list: string): readonly string[] {
  return list.split(',').map((tag) => tag.trim());
}

/**
 * Checks tags that someone asks for and drops doubles.
 *
 * @param schedule the tags that may be used, beside those that begin with `manual:`; absent: any tag
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

/** Returns the tags that a revision is to have. @throws BACKY_INVALID_ARGUMENT for more than 100 */
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
