import { existsSync } from 'node:fs';
import { sizeLimitOf } from '../../config/size-limit-of.ts';
import type { IndexFacts, RevisionRecord } from '../../domain/revision.ts';
import { checkSizeLimit } from '../../domain/size-limit.ts';
import { backyError, isBackyError } from '../../errors.ts';
import type { Engine, OperationOptions } from '../../native/engine.ts';
import { discardAdoptedIndex, sealAdopted, setRecordAside } from '../../repository/adopt-image.ts';
import type { Layout } from '../../repository/layout.ts';
import { withReaderLock, withWriterLock } from '../../repository/lock.ts';
import { type RevisionList, readRecord, readRevisions } from '../../repository/read-revisions.ts';
import { announce } from '../../repository/unfinished.ts';
import { describeImage, type UnrecordedImage } from '../../repository/unrecorded.ts';
import type { Context } from '../context.ts';
import { requireTrust } from '../trust.ts';
import { adoptedRecord } from './adopted-record.ts';

/** The images to adopt. */
export interface AdoptOptions extends Omit<OperationOptions, 'onProgress'> {
  /** Ids of images; by default all that have no record. One whose record cannot be read must be named. */
  readonly ids?: readonly string[] | undefined;
  /** Only say what would be done. */
  readonly dryRun?: boolean | undefined;
}

/** The images that were adopted, or would be. */
export interface AdoptResult {
  /** The new records, oldest first. In a dry run one whose index would be made has no digest. */
  readonly adopted: readonly RevisionRecord[];
  /** Images that stay without a record, and why. */
  readonly refused: readonly { readonly uuid: string; readonly reason: string }[];
  readonly dryRun: boolean;
}

/**
 * Gives images a record that have none, or one that cannot be read; that one is kept in `quarantine`. A missing index is
 * made from the image. The revisions are distrusted until `verify` has passed, and stay until a person removes their tag
 * `manual:adopted`. Not the source is proven by that, only that an image equals its index.
 *
 * @throws BACKY_UNTRUSTED, BACKY_NOT_ADOPTABLE for an id that needs no adoption or has no image; nothing is changed then. BACKY_LOCKED,
 *   BACKY_IO, BACKY_CANCELLED
 */
export async function adopt(context: Context, options: AdoptOptions = {}): Promise<AdoptResult> {
  requireTrust(context);
  const { layout } = context;
  const engine = await context.engine();
  const { dryRun = false } = options;
  const work = (): Promise<AdoptResult> => adoptAll(context, engine, { ...options, dryRun });
  if (dryRun) return work();
  return withWriterLock(engine, layout, () => withReaderLock(engine, layout, options.signal, work));
}

async function adoptAll(
  context: Context,
  engine: Engine,
  options: AdoptOptions & { readonly dryRun: boolean },
): Promise<AdoptResult> {
  const { layout, log } = context;
  const { dryRun } = options;
  const images = select(layout, await readRevisions(layout), options.ids);
  const adopted: RevisionRecord[] = [];
  const refused: { uuid: string; reason: string }[] = [];
  for (const image of images) {
    try {
      adopted.push(
        await (dryRun ? preview(context, engine, image, options) : adoptOne(context, engine, image, options)),
      );
      if (!dryRun) log('info', `${image.uuid} was adopted`);
    } catch (error) {
      // One image that does not fit keeps nobody from the others.
      if (!isBackyError(error, 'BACKY_INDEX_DAMAGED', 'BACKY_TOO_LARGE', 'BACKY_IO')) throw error;
      refused.push({ uuid: image.uuid, reason: error.message });
      log('warning', `${image.uuid} stays without a record: ${error.message}. ${error.remedy}`);
    }
  }
  return { adopted, refused, dryRun };
}

/** The images that are meant; those whose record is there and cannot be read only when they are named. */
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

/** The record that adopting an image would make. */
async function preview(
  { layout, clock }: Context,
  engine: Engine,
  image: UnrecordedImage,
  operation: OperationOptions,
): Promise<RevisionRecord> {
  const at = clock().toISOString();
  if (!image.indexed) return adoptedRecord(image, undefined, { at, index: 'made' });
  return adoptedRecord(image, await fittingIndex(layout, engine, image, operation), { at, index: 'found' });
}

async function adoptOne(
  context: Context,
  engine: Engine,
  image: UnrecordedImage,
  operation: AdoptOptions,
): Promise<RevisionRecord> {
  const { layout, clock } = context;
  const at = clock().toISOString();
  if (image.indexed) {
    const index = await fittingIndex(layout, engine, image, operation);
    return seal(engine, layout, adoptedRecord(image, index, { at, index: 'found' }));
  }
  const { uuid } = image;
  const { image: path, partialIndex } = layout.files(uuid);
  checkSizeLimit(path, image.size, await sizeLimitOf(layout.config));
  await announce(engine, layout, uuid, 'index', clock());
  try {
    const { size, ...index } = await engine.indexImage({ image: path, index: partialIndex }, operation);
    return await seal(engine, layout, adoptedRecord({ ...image, size }, index, { at, index: 'made' }));
  } catch (error) {
    // The first failure is the one to report; the next backup cleans up.
    await discardAdoptedIndex(engine, layout, uuid).catch(() => undefined);
    throw error;
  }
}

async function seal(engine: Engine, layout: Layout, record: RevisionRecord): Promise<RevisionRecord> {
  if (existsSync(layout.files(record.uuid).record)) await setRecordAside(engine, layout, record);
  await sealAdopted(engine, layout, record);
  return record;
}

/** An image that is still being copied has an index of another size. @throws BACKY_INDEX_DAMAGED, BACKY_IO, BACKY_CANCELLED */
export async function fittingIndex(
  layout: Layout,
  engine: Engine,
  { uuid, size }: UnrecordedImage,
  { signal }: OperationOptions = {},
): Promise<IndexFacts> {
  const { index: path } = layout.files(uuid);
  const { size: indexed, ...index } = await engine.describeIndex(path, { signal });
  if (indexed === size) return index;
  const detail = `it is for an image of ${indexed} bytes, the image has ${size}`;
  throw backyError('BACKY_INDEX_DAMAGED', { path, detail });
}
