import type { RevisionRecord } from '../../domain/revision.ts';
import type { Context } from '../context.ts';
import { type EditOptions, type EditResult, editRecords } from './edit-records.ts';

/**
 * Marks revisions as distrusted. backy does not clone them, `last` moves away from them, and the next backup compares
 * every byte. `verify` shows whether they are good.
 *
 * @param revisions which; `all` by default
 * @throws BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS, BACKY_LOCKED, BACKY_IO
 */
export async function distrust(
  context: Context,
  revisions = 'all',
  options: EditOptions = {},
): Promise<EditResult> {
  const edit = (record: RevisionRecord): RevisionRecord =>
    record.trust === 'distrusted' ? record : { ...record, trust: 'distrusted' };
  const result = await editRecords(context, revisions, edit, options);
  if (result.dryRun) return result;
  for (const { uuid } of result.revisions) context.log('info', `${uuid} is distrusted`);
  return result;
}
