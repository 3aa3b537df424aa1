import { loadConfig } from '../../config/load-config.ts';
import type { RevisionRecord } from '../../domain/revision.ts';
import { checkTags, limitTags } from '../../domain/tags.ts';
import { backyError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { type EditOptions, type EditResult, editRecords } from './edit-records.ts';

/** A change of tags. */
export interface EditTagsOptions extends EditOptions {
  /** Replace the tags, add to them, or remove from them. */
  readonly action: 'set' | 'add' | 'remove';
  readonly tags: readonly string[];
  /** A revision spec; `last` by default. */
  readonly revisions?: string | undefined;
  /** Change nothing unless every revision has exactly these tags now, in any order. */
  readonly expected?: readonly string[] | undefined;
  /** Accept tags that are not in the schedule. */
  readonly force?: boolean | undefined;
}

/**
 * Changes the tags of revisions.
 *
 * @throws BACKY_TAGS_DIFFER when they are not the expected ones, BACKY_TAG_INVALID, BACKY_TAG_UNKNOWN,
 *   BACKY_INVALID_ARGUMENT for more than 100 tags, BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS, BACKY_LOCKED, BACKY_CONFIG_INVALID, BACKY_IO
 */
export async function editTags(context: Context, options: EditTagsOptions): Promise<EditResult> {
  const { action, revisions = 'last', expected, force = false } = options;
  const tags = action === 'remove' ? options.tags : await checkedTags(context, options.tags, force);
  const edit = (record: RevisionRecord): RevisionRecord => {
    if (expected && !isSameSet(record.tags, expected)) throw differ(record, expected);
    const wanted = apply(action, record.tags, tags);
    return isSameSet(wanted, record.tags) ? record : { ...record, tags: wanted };
  };
  const result = await editRecords(context, revisions, edit, options);
  if (result.dryRun) return result;
  for (const { uuid, tags: now } of result.revisions)
    context.log('info', `${uuid} has the tags ${listed(now)}`);
  return result;
}

/** Checks the tags to add. Tags to remove are not checked, because existing tags may have any name. */
async function checkedTags(
  { layout }: Context,
  tags: readonly string[],
  force: boolean,
): Promise<readonly string[]> {
  return checkTags(tags, force ? undefined : (await loadConfig(layout.config)).schedule);
}

function apply(
  action: EditTagsOptions['action'],
  before: readonly string[],
  tags: readonly string[],
): readonly string[] {
  switch (action) {
    case 'set':
      return tags;
    case 'add':
      return limitTags([...new Set([...before, ...tags])]);
    case 'remove':
      return before.filter((tag) => !tags.includes(tag));
  }
}

function isSameSet(left: readonly string[], right: readonly string[]): boolean {
  return left.every((tag) => right.includes(tag)) && right.every((tag) => left.includes(tag));
}

function differ({ uuid, tags }: RevisionRecord, expected: readonly string[]) {
  return backyError('BACKY_TAGS_DIFFER', { uuid, found: listed(tags), expected: listed(expected) });
}

function listed(tags: readonly string[]): string {
  return tags.join(',') || '(none)';
}
