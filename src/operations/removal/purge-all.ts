import { counted } from '../../domain/counted.ts';
import { isShortOfSpace } from '../../repository/free-space.ts';
import { purgeLeftovers } from '../../repository/leftovers.ts';
import { missingRecord } from '../../repository/look-up.ts';
import type { OnStuck } from '../../repository/stuck.ts';
import { finishTrashMoves, purgeTrash } from '../../repository/trash-upkeep.ts';
import type { UnrecordedImage } from '../../repository/unrecorded.ts';
import type { EngineContext, PlainContext } from '../context.ts';

/** Maximum number of images in the log, because somebody may have removed all records. */
const NAMED_IMAGES = 10;

/** The result of a purge of leftovers. */
export interface PurgedFiles {
  /** Names of removed leftovers. */
  readonly removed: readonly string[];
  /** Ids of the revisions deleted from the trash. */
  readonly emptied: readonly string[];
}

/**
 * Finishes interrupted moves, removes proven leftovers of interrupted runs, and deletes due revisions from the trash,
 * or all of them if space is short. Warns of files that cannot be moved or removed. The caller holds both locks.
 *
 * @param isDue whether the grace period of a removal is over
 */
export async function purgeAll(
  context: EngineContext,
  isDue: (removedAt: Date) => boolean,
): Promise<PurgedFiles> {
  const { layout, log, engine } = context;
  const onStuck = warningOf(context);
  await finishTrashMoves(engine, layout, onStuck);
  const removed = await purgeLeftovers(engine, layout, onStuck);
  for (const name of removed) log('info', `removed the leftover ${name}`);
  const isShort = await isShortOfSpace(layout);
  const emptied = await purgeTrash(engine, layout, (removedAt) => isShort || isDue(removedAt), onStuck);
  for (const uuid of emptied) log('info', `${uuid} is gone from the trash`);
  return { removed, emptied };
}

/** Warns of images without a record, on every run until a person acts. */
export function warnOfUnrecorded(
  { layout, log }: PlainContext,
  unrecorded: readonly UnrecordedImage[],
): void {
  for (const { uuid } of unrecorded.slice(0, NAMED_IMAGES)) {
    const { message, remedy } = missingRecord(layout, uuid);
    log('warning', `${message}. ${remedy}`);
  }
  const others = unrecorded.length - NAMED_IMAGES;
  if (others > 0)
    log('warning', `${counted(others, 'more image')} without a record: "backy status" lists them all`);
}

/** Returns a function that warns of a file that cannot be moved or removed. */
export function warningOf({ log }: PlainContext): OnStuck {
  return (name, { message, remedy }) => log('warning', `${name} stays where it is: ${message}. ${remedy}`);
}
