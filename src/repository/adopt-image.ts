import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RevisionRecord } from '../domain/revision.ts';
import type { Engine } from '../native/engine.ts';
import type { Layout } from './layout.ts';
import { makePrivate, SEALED_MODE } from './seal-revision.ts';
import { formatRecord } from './sealed-record.ts';
import { readUnfinished } from './unfinished.ts';

/**
 * Makes an image that is there a revision: its index, if it was just made, gets its name, then the record appears. An
 * unfinished record that spoke of the index goes last.
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

/** Takes back what was made of an index, unless the record knows of it by now. */
export async function discardAdoptedIndex(engine: Engine, layout: Layout, id: string): Promise<void> {
  const { index, partialIndex, record, unfinished } = layout.files(id);
  if (!existsSync(record)) await engine.removeFiles([partialIndex, index]);
  await engine.removeFiles([unfinished]);
}

/** Keeps a record that cannot be read where the findings about damage are. */
export async function setRecordAside(
  engine: Engine,
  layout: Layout,
  { uuid, adopted }: RevisionRecord,
): Promise<void> {
  const to = layout.setAside(uuid, adopted?.at ?? '');
  await engine.makeDirectory(dirname(to));
  await engine.moveFiles([{ from: layout.files(uuid).record, to }]);
}
