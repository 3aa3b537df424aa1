import { isGood, isHeld, newestGood, type RevisionRecord } from '../../domain/revision.ts';
import { findRevisions } from '../../domain/revision-spec.ts';
import { backyError, isBackyError } from '../../errors.ts';
import type { Engine, FreedStats } from '../../native/engine.ts';
import { findInUse } from '../../repository/in-use.ts';
import { type RevisionList, readRevisions } from '../../repository/read-revisions.ts';
import { readUnrecorded, type UnrecordedImage } from '../../repository/unrecorded.ts';
import type { Context } from '../context.ts';
import { fittingIndex } from '../records/adopt.ts';
import { adoptedRecord } from '../records/adopted-record.ts';
import { requireTrust } from '../trust.ts';
import { measureFreed } from './freed-space.ts';
import { graceOf } from './grace.ts';
import { warningOf } from './purge-all.ts';
import { removeImage, removeRevisions, whileAlone } from './removing.ts';

/** The revisions to forget. */
export interface ForgetOptions {
  /** Which revisions; a damaged one, or an image without a record, by its whole id. */
  readonly revisions: string;
  /** Only say what would be done. */
  readonly dryRun?: boolean | undefined;
  /** Forget the last good revision, too. */
  readonly evenTheLast?: boolean | undefined;
}

/** The revisions that were forgotten, or would be. */
export interface ForgetResult {
  /** The ids, oldest first. */
  readonly removed: readonly string[];
  /** Space that deleting them frees once the trash is emptied. */
  readonly freed: FreedStats;
  /** For how long they can be brought back, in milliseconds. */
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
  const { layout } = context;
  const { dryRun = false } = options;
  const engine = await context.engine();
  const look = async (): Promise<ForgetResult> => {
    const removed = await select(context, options);
    const freed = await measureFreed(engine, context, removed);
    return { removed, freed, graceMs: await graceOf(context), dryRun };
  };
  if (dryRun) return withoutInUse(context, engine, await look());
  return whileAlone(engine, layout, async () => {
    const result = await look();
    const image = await unrecordedImage(context, options);
    if (image) await removeImage(context, engine, await recordOf(context, engine, image), result.graceMs);
    else await removeRevisions(context, engine, result.removed, result.graceMs, 'was forgotten');
    return result;
  });
}

/** A plan leaves out what would stay, and says why. */
async function withoutInUse(context: Context, engine: Engine, plan: ForgetResult): Promise<ForgetResult> {
  const { layout } = context;
  const inUse = await findInUse(engine, layout, plan.removed);
  if (inUse.size === 0) return plan;
  for (const [uuid, error] of inUse) warningOf(context)(uuid, error);
  const removed = plan.removed.filter((uuid) => !inUse.has(uuid));
  return { ...plan, removed, freed: await measureFreed(engine, context, removed) };
}

async function select(
  { layout, clock }: Context,
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

/** No machine removes what is damaged, but a person may: no spec but its own id means it. */
function isDamaged({ damaged }: RevisionList, spec: string): boolean {
  return damaged.some(({ uuid }) => uuid === spec);
}

/** The same goes for an image that has no record. */
function isUnrecorded({ unrecorded }: RevisionList, spec: string): boolean {
  return unrecorded.some(({ uuid }) => uuid === spec);
}

async function unrecordedImage(
  { layout }: Context,
  { revisions: spec }: ForgetOptions,
): Promise<UnrecordedImage | undefined> {
  return (await readUnrecorded(layout)).unrecorded.find(({ uuid }) => uuid === spec);
}

/** The record for the trash: without an index if there is none that fits. */
async function recordOf(
  { layout, signal }: Context,
  engine: Engine,
  image: UnrecordedImage,
): Promise<RevisionRecord> {
  try {
    const index = image.indexed ? await fittingIndex(layout, engine, image, { signal }) : undefined;
    return adoptedRecord(image, index);
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    return adoptedRecord(image, undefined);
  }
}

function takesAllGood(revisions: readonly RevisionRecord[], found: readonly RevisionRecord[]): boolean {
  return revisions.filter(isGood).every(({ uuid }) => found.some((record) => record.uuid === uuid));
}
