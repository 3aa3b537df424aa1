import { existsSync } from 'node:fs';
import { sizeLimitOf } from '../../config/size-limit-of.ts';
import type { IndexFacts, RevisionRecord } from '../../domain/revision.ts';
import { checkSizeLimit } from '../../domain/size-limit.ts';
import { backyError, isBackyError } from '../../errors.ts';
import type { OperationOptions } from '../../native/engine.ts';
import { discardAdoptedIndex, sealAdopted, setRecordAside } from '../../repository/adopt-image.ts';
import type { Layout } from '../../repository/layout.ts';
import { withReaderLock, withWriterLock } from '../../repository/lock.ts';
import { type RevisionList, readRecord, readRevisions } from '../../repository/read-revisions.ts';
import { announce } from '../../repository/unfinished.ts';
import { describeImage, type UnrecordedImage } from '../../repository/unrecorded.ts';
import { type Context, type EngineContext, withEngine } from '../context.ts';
import { requireTrust } from '../trust.ts';
import { adoptedRecord } from './adopted-record.ts';

/** The images to adopt. */
export interface AdoptOptions extends Omit<OperationOptions, 'onProgress'> {
  /** Ids of images; by default all images without a record. An image with an unreadable record must be named. */
  readonly ids?: readonly string[] | undefined;
  /** Report the changes without making them. */
  readonly dryRun?: boolean | undefined;
}

/** The images that were adopted, or would be. */
export interface AdoptResult {
  /** The new records, oldest first. In a dry run, a record has no digest if its index would have to be made. */
  readonly adopted: readonly RevisionRecord[];
  /** Images that stay without a record, with the reasons. */
  readonly refused: readonly { readonly uuid: string; readonly reason: string }[];
  readonly dryRun: boolean;
}

/**
 * Makes new records for images that have none, or an unreadable one, which is moved to `quarantine`. Makes a missing
 * index from the image. The revisions are distrusted until `verify` passes, which proves that the image matches its
 * index, not that it matches the source. The tag `manual:adopted` protects them until a person removes it.
 *
 * @throws BACKY_UNTRUSTED, BACKY_NOT_ADOPTABLE for an id that needs no adoption or has no image; nothing is changed then. BACKY_LOCKED,
 *   BACKY_IO, BACKY_CANCELLED
 */
export async function adopt(context: Context, options: AdoptOptions = {}): Promise<AdoptResult> {
  requireTrust(context);
  const loaded = await withEngine(context);
  const { engine, layout } = loaded;
  const { dryRun = false } = options;
  const work = (): Promise<AdoptResult> => adoptAll(loaded, { ...options, dryRun });
  if (dryRun) return work();
  return withWriterLock(engine, layout, () => withReaderLock(engine, layout, options.signal, work));
}

async function adoptAll(
  context: EngineContext,
  options: AdoptOptions & { readonly dryRun: boolean },
): Promise<AdoptResult> {
  const { layout, log } = context;
  const { dryRun } = options;
  const images = select(layout, await readRevisions(layout), options.ids);
  const adopted: RevisionRecord[] = [];
  const refused: { uuid: string; reason: string }[] = [];
  for (const image of images) {
    try {
      adopted.push(await (dryRun ? preview(context, image, options) : adoptOne(context, image, options)));
      if (!dryRun) log('info', `${image.uuid} was adopted`);
    } catch (error) {
      // One unfit image must not block the others.
      if (!isBackyError(error, 'BACKY_INDEX_DAMAGED', 'BACKY_TOO_LARGE', 'BACKY_IO')) throw error;
      refused.push({ uuid: image.uuid, reason: error.message });
      log('warning', `${image.uuid} stays without a record: ${error.message}. ${error.remedy}`);
    }
  }
  return { adopted, refused, dryRun };
}

/** Returns the images to adopt. An image with an unreadable record is included only if it is named. */
function select(
  layout: Layout,
  { unrecorded, damaged }: RevisionList,
  ids: readonly string[] | undefined,
): readonly UnrecordedImage[] {
  if (ids === undefined || ids.length === 0) return unrecorded;
  return [...new Set(ids)].map((id) => {
    const image = unrecorded.find(({ uuid }) => uuid === id);
    if (image) return image;
    const unreadable = damaged.some(({ uuid }) => uuid === id) && isRecordUnreadable(layout, id);
    const described = unreadable ? describeImage(layout, id) : undefined;
    if (described) return described;
    throw backyError('BACKY_NOT_ADOPTABLE', { id, path: layout.directory });
  });
}

function isRecordUnreadable(layout: Layout, id: string): boolean {
  try {
    readRecord(layout, id);
    return false;
  } catch (error) {
    return isBackyError(error, 'BACKY_RECORD_DAMAGED');
  }
}

/** Builds the record that `adoptOne` would write. */
async function preview(
  context: EngineContext,
  image: UnrecordedImage,
  operation: OperationOptions,
): Promise<RevisionRecord> {
  const at = context.clock().toISOString();
  if (!image.indexed) return adoptedRecord(image, undefined, { at, index: 'made' });
  return adoptedRecord(image, await fittingIndex(context, image, operation), { at, index: 'found' });
}

async function adoptOne(
  context: EngineContext,
  image: UnrecordedImage,
  operation: AdoptOptions,
): Promise<RevisionRecord> {
  const { layout, clock, engine } = context;
  const at = clock().toISOString();
  if (image.indexed) {
    const index = await fittingIndex(context, image, operation);
    return seal(context, adoptedRecord(image, index, { at, index: 'found' }));
  }
  const { uuid } = image;
  const { image: path, partialIndex } = layout.files(uuid);
  checkSizeLimit(path, image.size, await sizeLimitOf(layout.config));
  await announce(engine, layout, uuid, 'index', clock());
  try {
    const { size, ...index } = await engine.indexImage({ image: path, index: partialIndex }, operation);
    return await seal(context, adoptedRecord({ ...image, size }, index, { at, index: 'made' }));
  } catch (error) {
    // The first failure matters more. The next backup purges the index.
    await discardAdoptedIndex(engine, layout, uuid).catch(() => undefined);
    throw error;
  }
}

async function seal({ engine, layout }: EngineContext, record: RevisionRecord): Promise<RevisionRecord> {
  if (existsSync(layout.files(record.uuid).record)) await setRecordAside(engine, layout, record);
  await sealAdopted(engine, layout, record);
  return record;
}

/**
 * Reads the index of an image, and checks that both have the same size. They differ while an image is being copied.
 *
 * @throws BACKY_INDEX_DAMAGED, BACKY_IO, BACKY_CANCELLED
 */
export async function fittingIndex(
  { engine, layout }: EngineContext,
  { uuid, size }: UnrecordedImage,
  { signal }: OperationOptions = {},
): Promise<IndexFacts> {
  const { index: path } = layout.files(uuid);
  const { size: indexed, ...index } = await engine.describeIndex(path, { signal });
  if (indexed === size) return index;
  const detail = `it is for an image of ${indexed} bytes, the image has ${size}`;
  throw backyError('BACKY_INDEX_DAMAGED', { path, detail });
}
