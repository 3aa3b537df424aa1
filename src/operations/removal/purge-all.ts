import { counted } from '../../domain/counted.ts';
import type { Engine } from '../../native/engine.ts';
import { isShortOfSpace } from '../../repository/free-space.ts';
import { purgeLeftovers } from '../../repository/leftovers.ts';
import { missingRecord } from '../../repository/look-up.ts';
import type { OnStuck } from '../../repository/stuck.ts';
import { finishTrashMoves, purgeTrash } from '../../repository/trash-upkeep.ts';
import type { UnrecordedImage } from '../../repository/unrecorded.ts';
import type { Context } from '../context.ts';

/** A cleaner that removed all records leaves more than anybody reads. */
const NAMED_IMAGES = 10;

/** The result of a purge of leftovers. */
export interface PurgedFiles {
  /** Names of the files that interrupted runs had left behind. */
  readonly removed: readonly string[];
  /** Ids of the revisions that were in the trash. */
  readonly emptied: readonly string[];
}

/**
 * Finishes and removes what interrupted runs provably left behind, and of the trash what is due, or all of it when space is
 * short. What cannot be moved or removed is warned of and stays. The caller holds both locks.
 *
 * @param isDue whether what was removed at a time has been there for long enough
 */
export async function purgeAll(
  context: Context,
  engine: Engine,
  isDue: (removedAt: Date) => boolean,
): Promise<PurgedFiles> {
  const { layout, log } = context;
  const onStuck = warningOf(context);
  await finishTrashMoves(engine, layout, onStuck);
  const removed = await purgeLeftovers(engine, layout, onStuck);
  for (const name of removed) log('info', `removed the leftover ${name}`);
  const isShort = await isShortOfSpace(layout);
  const emptied = await purgeTrash(engine, layout, (removedAt) => isShort || isDue(removedAt), onStuck);
  for (const uuid of emptied) log('info', `${uuid} is gone from the trash`);
  return { removed, emptied };
}

/** Warns of images that have lost their records: whoever runs a command hears of them until something is done. */
export function warnOfUnrecorded({ layout, log }: Context, unrecorded: readonly UnrecordedImage[]): void {
  for (const { uuid } of unrecorded.slice(0, NAMED_IMAGES)) {
    const { message, remedy } = missingRecord(layout, uuid);
    log('warning', `${message}. ${remedy}`);
  }
  const others = unrecorded.length - NAMED_IMAGES;
  if (others > 0)
    log('warning', `${counted(others, 'more image')} without a record: "backy status" lists them all`);
}

/** Warns of each thing that could not be moved or removed. */
export function warningOf({ log }: Context): OnStuck {
  return (name, { message, remedy }) => log('warning', `${name} stays where it is: ${message}. ${remedy}`);
}
