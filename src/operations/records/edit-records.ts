import type { RevisionRecord } from '../../domain/revision.ts';
import type { Engine } from '../../native/engine.ts';
import type { Layout } from '../../repository/layout.ts';
import { updateLinks } from '../../repository/links.ts';
import { withReaderLock, withWriterLock } from '../../repository/lock.ts';
import { lookUpRevisions } from '../../repository/look-up.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import { acceptRecord } from '../../repository/seal-revision.ts';
import type { Context } from '../context.ts';
import { requireTrust } from '../trust.ts';

/** Settings of a change of records. */
export interface EditOptions {
  /** Report the changes without making them. */
  readonly dryRun?: boolean | undefined;
}

/** The result of a change of records, done or planned. */
export interface EditResult {
  /** The records after the change, oldest first, including unchanged ones. */
  readonly revisions: readonly RevisionRecord[];
  /** Number of records written. */
  readonly changed: number;
  readonly dryRun: boolean;
}

/**
 * Changes the records of some revisions. It computes all changes before it writes the first, so a mistake changes
 * nothing. Images and indexes stay as they are. A changed record gets a new checksum, also if it was edited by hand
 * before.
 *
 * @param edit returns the new record, or the one it got when nothing is to be changed
 * @throws BACKY_UNTRUSTED, BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS, BACKY_RECORD_DAMAGED,
 *   BACKY_INDEX_DAMAGED, BACKY_LOCKED, BACKY_IO, BACKY_CANCELLED, and what `edit` throws
 */
export async function editRecords(
  context: Context,
  spec: string,
  edit: (record: RevisionRecord) => RevisionRecord,
  { dryRun = false }: EditOptions = {},
): Promise<EditResult> {
  requireTrust(context);
  const { layout, engine: load, signal } = context;
  if (dryRun) return resultOf(await workOut(layout, spec, edit), dryRun);
  const engine = await load();
  return withWriterLock(engine, layout, () =>
    // A purge would treat a record that is being written as a leftover.
    withReaderLock(engine, layout, signal, async () => {
      const edits = await workOut(layout, spec, edit);
      await carryOut(engine, layout, edits);
      return resultOf(edits, dryRun);
    }),
  );
}

interface Edits {
  /** All revisions after the change. */
  readonly all: readonly RevisionRecord[];
  readonly chosen: readonly RevisionRecord[];
  /** The chosen ones that differ from before. */
  readonly changed: readonly RevisionRecord[];
}

async function workOut(
  layout: Layout,
  spec: string,
  edit: (record: RevisionRecord) => RevisionRecord,
): Promise<Edits> {
  const list = await readRevisions(layout);
  const before = lookUpRevisions(layout, list, spec);
  const chosen = before.map(edit);
  const edited = new Map(chosen.map((record) => [record.uuid, record]));
  return {
    all: list.revisions.map((record) => edited.get(record.uuid) ?? record),
    chosen,
    changed: chosen.filter((record, index) => record !== before[index]),
  };
}

async function carryOut(engine: Engine, layout: Layout, { all, changed }: Edits): Promise<void> {
  for (const record of changed) await acceptRecord(engine, layout, record);
  if (changed.length > 0) await updateLinks(engine, layout, all);
}

function resultOf({ chosen, changed }: Edits, dryRun: boolean): EditResult {
  return { revisions: chosen, changed: changed.length, dryRun };
}
