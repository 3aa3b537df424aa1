import type { Engine } from '../native/engine.ts';
import { isShortOfSpace } from '../repository/free-space.ts';
import { removeLeftovers } from '../repository/leftovers.ts';
import { emptyTrash, settleTrash } from '../repository/trash.ts';
import type { Context } from './context.ts';

/**
 * Finishes and removes what interrupted runs left behind, and of the trash what has been there for its time, or all
 * of it when space is short. The caller holds both locks.
 */
export async function cleanUp(
  { layout, log, clock }: Context,
  engine: Engine,
  graceMs: number,
): Promise<void> {
  await settleTrash(engine, layout);
  for (const name of await removeLeftovers(engine, layout)) log('info', `removed the leftover ${name}`);
  const nowMs = clock().getTime();
  const isShort = await isShortOfSpace(layout);
  const isDue = (removedAt: Date): boolean => isShort || nowMs - removedAt.getTime() > graceMs;
  for (const uuid of await emptyTrash(engine, layout, isDue)) log('info', `${uuid} is gone from the trash`);
}
