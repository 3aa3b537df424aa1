import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RevisionRecord } from '../domain/revision.ts';
import type { Engine } from '../native/engine.ts';
import type { Layout } from './layout.ts';
import { makePrivate, SEALED_MODE } from './seal-revision.ts';
import { formatRecord } from './sealed-record.ts';
import { readUnfinished } from './unfinished.ts';

/**
 * Turns an existing image into a revision. A new index gets its final name first, then the record is written. The
 * unfinished record of the index, if there is one, is removed last.
 *
 * @throws BACKY_FILE_UNFIT, BACKY_IO
 */
export async function sealAdopted(engine: Engine, layout: Layout, record: RevisionRecord): Promise<void> {
  const { uuid } = record;
  const files = layout.files(uuid);
  const isIndexNew = readUnfinished(layout, uuid) === 'index';
  await makePrivate(files.image);
  if (isIndexNew) await engine.sealFiles([{ from: files.partialIndex, to: files.index }]);
  else await makePrivate(files.index);
  await engine.createFile(files.record, formatRecord(record), SEALED_MODE);
  if (isIndexNew) await engine.removeFiles([files.unfinished]);
}

/** Removes the index that an adoption has begun, unless the record is in place already. @throws BACKY_IO */
export async function discardAdoptedIndex(engine: Engine, layout: Layout, id: string): Promise<void> {
  const { index, partialIndex, record, unfinished } = layout.files(id);
  if (!existsSync(record)) await engine.removeFiles([partialIndex, index]);
  await engine.removeFiles([unfinished]);
}

/** Moves an unreadable record into `quarantine`. @throws BACKY_IO */
export async function setRecordAside(
  engine: Engine,
  layout: Layout,
  { uuid, adopted }: RevisionRecord,
): Promise<void> {
  const to = layout.setAside(uuid, adopted?.at ?? '');
  await engine.makeDirectory(dirname(to));
  await engine.moveFiles([{ from: layout.files(uuid).record, to }]);
}
