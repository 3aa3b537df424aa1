import { describeRoom, hasRoom } from '../../domain/guest-room.ts';
import { isBackyError } from '../../errors.ts';
import type { WriteStats } from '../../native/engine.ts';
import type { Source } from '../../sources/source.ts';
import type { PlainContext } from '../context.ts';

/**
 * Returns the reason why a snapshot must be removed after its backup. Overwriting blocks of a snapshot takes space; if
 * there is none, writes of the guest fail. A snapshot that was cloned as the image cannot be removed, so the log warns.
 *
 * @returns undefined when the snapshot may stay
 */
export async function reasonToDropSnapshot(
  { log }: PlainContext,
  source: Source,
  { uuid, image }: { readonly uuid: string; readonly image: string },
  { sourceCloned }: WriteStats,
): Promise<string | undefined> {
  try {
    const room = await source.room?.(uuid, sourceCloned ? image : undefined);
    if (!room || hasRoom(room)) return undefined;
    const figures = describeRoom(room);
    if (sourceCloned) {
      log('warning', `the guest may run out of space, as it shares its disk with the revisions: ${figures}`);
      return undefined;
    }
    log('warning', `the snapshot of ${uuid} is not kept, so that the guest has space: ${figures}`);
    return figures;
  } catch (error) {
    if (!isBackyError(error)) throw error;
    log('warning', `whether the guest has space beside its snapshot is not known: ${error.message}`);
    return undefined;
  }
}
