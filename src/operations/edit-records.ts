import type { RevisionRecord } from '../domain/revision.ts';
import type { Engine } from '../native/engine.ts';
import type { Layout } from '../repository/layout.ts';
import { updateLinks } from '../repository/links.ts';
import { keepingFiles, lockForWriting } from '../repository/lock.ts';
import { lookUpRevisions } from '../repository/look-up.ts';
import { readRevisions } from '../repository/read-revisions.ts';
import { acceptRecord } from '../repository/seal-revision.ts';
import type { Context } from './context.ts';

/** What changing records did. */
export interface EditResult {
  /** The records as they are now, oldest first; unchanged ones among them. */
  readonly revisions: readonly RevisionRecord[];
  /** How many of them were written. */
  readonly changed: number;
}

/**
 * Changes the records of some revisions: all of them are worked out before the first is written, so that a mistake
 * changes nothing. Images and indexes stay as they are. A record that is changed is accepted as it is otherwise.
 *
 * @param edit returns the new record, or the one it got when nothing is to be changed
 * @throws BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS, BACKY_RECORD_DAMAGED,
 *   BACKY_INDEX_DAMAGED, BACKY_LOCKED, BACKY_IO, BACKY_CANCELLED, and what `edit` throws
 */
export async function editRecords(
  { layout, engine: load, signal }: Context,
  spec: string,
  edit: (record: RevisionRecord) => RevisionRecord,
): Promise<EditResult> {
  const engine = await load();
  const writing = lockForWriting(engine, layout);
  try {
    // A purge would take a record that is being written for a leftover.
    return await keepingFiles(engine, layout, signal, () => editAll(engine, layout, spec, edit));
  } finally {
    writing.release();
  }
}

async function editAll(
  engine: Engine,
  layout: Layout,
  spec: string,
  edit: (record: RevisionRecord) => RevisionRecord,
): Promise<EditResult> {
  const list = await readRevisions(layout);
  const { revisions } = list;
  const chosen = lookUpRevisions(layout, list, spec);
  const edited = new Map(chosen.map((record) => [record.uuid, edit(record)]));
  const changed = chosen.filter((record) => edited.get(record.uuid) !== record);
  for (const { uuid } of changed) {
    const record = edited.get(uuid);
    if (record) await acceptRecord(engine, layout, record);
  }
  if (changed.length > 0) {
    const all = revisions.map((record) => edited.get(record.uuid) ?? record);
    await updateLinks(engine, layout, all);
  }
  return { revisions: [...edited.values()], changed: changed.length };
}
