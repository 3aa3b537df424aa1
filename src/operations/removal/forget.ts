import { isGood, isHeld, newestGood, type RevisionRecord } from '../../domain/revision.ts';
import { findRevisions } from '../../domain/revision-spec.ts';
import { backyError, isBackyError } from '../../errors.ts';
import type { FreedStats } from '../../native/engine.ts';
import { findInUse } from '../../repository/in-use.ts';
import { type RevisionList, readRevisions } from '../../repository/read-revisions.ts';
import { readUnrecorded, type UnrecordedImage } from '../../repository/unrecorded.ts';
import { type Context, type EngineContext, type PlainContext, withEngine } from '../context.ts';
import { fittingIndex } from '../records/adopt.ts';
import { adoptedRecord } from '../records/adopted-record.ts';
import { requireTrust } from '../trust.ts';
import { measureFreed } from './freed-space.ts';
import { graceOf } from './grace.ts';
import { warningOf } from './purge-all.ts';
import { removeImage, removeRevisions, whileAlone } from './removing.ts';

/** The revisions to forget. */
export interface ForgetOptions {
  /** A revision spec; or the whole id of a damaged revision or of an image without a record. */
  readonly revisions: string;
  /** Report the changes without making them. */
  readonly dryRun?: boolean | undefined;
  /** Also forget the last good revision. */
  readonly evenTheLast?: boolean | undefined;
}

/** The revisions that were forgotten, or would be. */
export interface ForgetResult {
  /** Ids, oldest first. */
  readonly removed: readonly string[];
  /** Space that becomes free once the trash is emptied. */
  readonly freed: FreedStats;
  /** Milliseconds for which they can be brought back. */
  readonly graceMs: number;
  readonly dryRun: boolean;
}

/**
 * Removes revisions that a person names, whatever their tags.
 *
 * @throws BACKY_UNTRUSTED, BACKY_LAST_GOOD, BACKY_HELD; nothing is removed then. BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN, BACKY_REVISION_AMBIGUOUS,
 *   BACKY_LOCKED. BACKY_REVISION_BUSY, BACKY_IO; everything else is removed then.
 */
export async function forget(context: Context, options: ForgetOptions): Promise<ForgetResult> {
  requireTrust(context);
  const { dryRun = false } = options;
  const loaded = await withEngine(context);
  const look = async (): Promise<ForgetResult> => {
    const removed = await select(context, options);
    const freed = await measureFreed(loaded, removed);
    return { removed, freed, graceMs: await graceOf(context), dryRun };
  };
  if (dryRun) return withoutInUse(loaded, await look());
  return whileAlone(loaded, async () => {
    const result = await look();
    const image = await unrecordedImage(context, options);
    if (image) await removeImage(loaded, await recordOf(loaded, image), result.graceMs);
    else await removeRevisions(loaded, result.removed, result.graceMs, 'was forgotten');
    return result;
  });
}

/** Removes revisions in use from a plan, with a warning for each. */
async function withoutInUse(context: EngineContext, plan: ForgetResult): Promise<ForgetResult> {
  const { layout, engine } = context;
  const inUse = await findInUse(engine, layout, plan.removed);
  if (inUse.size === 0) return plan;
  for (const [uuid, error] of inUse) warningOf(context)(uuid, error);
  const removed = plan.removed.filter((uuid) => !inUse.has(uuid));
  return { ...plan, removed, freed: await measureFreed(context, removed) };
}

async function select(
  { layout, clock }: PlainContext,
  { revisions: spec, evenTheLast = false }: ForgetOptions,
): Promise<readonly string[]> {
  const list = await readRevisions(layout);
  if (isDamaged(list, spec) || isUnrecorded(list, spec)) return [spec];
  const found = findRevisions(spec, list.revisions);
  const held = found.find((record) => isHeld(record, clock()));
  if (held) throw backyError('BACKY_HELD', { uuid: held.uuid, reason: held.hold?.reason ?? '' });
  const last = newestGood(list.revisions);
  if (last && !evenTheLast && takesAllGood(list.revisions, found))
    throw backyError('BACKY_LAST_GOOD', { uuid: last.uuid, path: layout.directory });
  return found.map(({ uuid }) => uuid);
}

/** Whether a spec is the whole id of a damaged revision. Only a person may remove one. */
function isDamaged({ damaged }: RevisionList, spec: string): boolean {
  return damaged.some(({ uuid }) => uuid === spec);
}

/** Whether a spec is the whole id of an image without a record. */
function isUnrecorded({ unrecorded }: RevisionList, spec: string): boolean {
  return unrecorded.some(({ uuid }) => uuid === spec);
}

async function unrecordedImage(
  { layout }: PlainContext,
  { revisions: spec }: ForgetOptions,
): Promise<UnrecordedImage | undefined> {
  return (await readUnrecorded(layout)).unrecorded.find(({ uuid }) => uuid === spec);
}

/** Builds the record for the trash. Omits an index that does not fit the image. */
async function recordOf(context: EngineContext, image: UnrecordedImage): Promise<RevisionRecord> {
  const { signal } = context;
  try {
    const index = image.indexed ? await fittingIndex(context, image, { signal }) : undefined;
    return adoptedRecord(image, index);
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    return adoptedRecord(image, undefined);
  }
}

function takesAllGood(revisions: readonly RevisionRecord[], found: readonly RevisionRecord[]): boolean {
  return revisions.filter(isGood).every(({ uuid }) => found.some((record) => record.uuid === uuid));
}
