import type { RevisionRecord } from '../../domain/revision.ts';
import { formatSize } from '../../domain/size.ts';
import { backyError, isBackyError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';
import { whyAllIsRead } from '../source.ts';
import { withMetadataSnapshot } from './metadata-snapshot.ts';
import { revisionOf } from './own-snapshot.ts';
import { createThinDeltaReader, type Extent, type ThinPair } from './thin-delta.ts';
import { runTool } from './tool.ts';
import { isThin, type Volume } from './volumes.ts';

/** What changed since the parent, or why that is not known. */
export type Changes = { readonly changed: readonly Extent[] } | { readonly fallback: string };

/**
 * Asks the pool which blocks of a new snapshot are others than those of the parent's snapshot. Whatever keeps it from
 * answering costs a full read, and no backup.
 *
 * @param volumes all of the group, among them the snapshot of the parent
 */
export async function findChanges(
  engine: Engine,
  volumeGroup: string,
  volumes: readonly Volume[],
  snapshot: Volume,
  parent: RevisionRecord,
): Promise<Changes> {
  const before = volumes.find((volume) => revisionOf(volume) === parent.uuid);
  const { snapshotDropped } = parent.stats;
  if (!before && snapshotDropped !== undefined) return { fallback: whyAllIsRead(snapshotDropped) };
  if (!before) return { fallback: `the snapshot of revision ${parent.uuid} is gone` };
  const doubt = doubtAbout(before, snapshot, parent);
  if (doubt !== undefined) return { fallback: `the snapshot ${before.name} ${doubt}` };
  try {
    const pair = { left: Number(before.thinId), right: Number(snapshot.thinId) };
    const pool = { volumeGroup, pool: snapshot.pool };
    const changed = await withMetadataSnapshot(engine, pool, (device) => compare(device, pair));
    return { changed: changesOfImage(changed, parent.size, snapshot.size) };
  } catch (error) {
    if (!isBackyError(error)) throw error;
    return { fallback: error.message };
  }
}

/**
 * What of a volume may differ from the image of its parent: the changed ranges within both, and all that the volume
 * has grown by. (What LVM cut off once and added again is unmapped before and after, but it is not in the image.)
 *
 * @param before size of the image, bytes
 * @param now size of the volume, bytes
 */
export function changesOfImage(changed: readonly Extent[], before: number, now: number): readonly Extent[] {
  const end = Math.min(before, now);
  const within = changed
    .filter(({ offset }) => offset < end)
    .map(({ offset, length }) => ({ offset, length: Math.min(length, end - offset) }));
  return now > before ? [...within, { offset: before, length: now - before }] : within;
}

/** Why the parent's snapshot may not be what its image was read from. */
function doubtAbout(before: Volume, snapshot: Volume, parent: RevisionRecord): string | undefined {
  if (!isThin(before) || before.pool !== snapshot.pool) return `is not in the thin pool ${snapshot.pool}`;
  if (!before.isReadOnly) return 'was made writable';
  if (before.size === parent.size) return undefined;
  return `has ${formatSize(before.size)}, the revision has ${formatSize(parent.size)}`;
}

async function compare(device: string, { left, right }: ThinPair): Promise<readonly Extent[]> {
  const reader = createThinDeltaReader({ left, right });
  try {
    const snapshots = ['--snap1', String(left), '--snap2', String(right)];
    await runTool('thin_delta', ['--metadata-snap', ...snapshots, device], reader.feed);
    return reader.finish();
  } catch (cause) {
    if (isBackyError(cause) || !(cause instanceof Error)) throw cause;
    throw backyError('BACKY_TOOL_FAILED', { tool: 'thin_delta', reason: cause.message }, { cause });
  }
}
