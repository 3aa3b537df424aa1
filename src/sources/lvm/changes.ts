import type { RevisionRecord } from '../../domain/revision.ts';
import { formatSize } from '../../domain/size.ts';
import { backyError, isBackyError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';
import { fullReadReason } from '../source.ts';
import { withMetadataSnapshot } from './metadata-snapshot.ts';
import { revisionOf } from './own-snapshot.ts';
import { createThinDeltaReader, type Extent, type ThinPair } from './thin-delta.ts';
import { runTool } from './tool.ts';
import { isThin, type Volume } from './volumes.ts';

/** The changed ranges since the parent, or the reason why they are unknown. */
export type Changes = { readonly changed: readonly Extent[] } | { readonly fallback: string };

/** A snapshot that is compared with the snapshot of its parent. */
export interface Comparison {
  readonly engine: Engine;
  readonly volumeGroup: string;
  /** All volumes of the group, including the snapshot of the parent. */
  readonly volumes: readonly Volume[];
  readonly snapshot: Volume;
  readonly parent: RevisionRecord;
  /** Aborting it cancels the comparison. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks the pool which blocks differ between a new snapshot and the snapshot of the parent. If the pool cannot
 * answer, the backup reads everything.
 *
 * @throws BACKY_CANCELLED
 */
export async function findChanges(comparison: Comparison): Promise<Changes> {
  const { engine, volumeGroup, volumes, snapshot, parent, signal } = comparison;
  const before = volumes.find((volume) => revisionOf(volume) === parent.uuid);
  const { snapshotDropped } = parent.stats;
  if (!before && snapshotDropped !== undefined) return { fallback: fullReadReason(snapshotDropped) };
  if (!before) return { fallback: `the snapshot of revision ${parent.uuid} is gone` };
  const doubt = doubtAbout(before, snapshot, parent);
  if (doubt !== undefined) return { fallback: `the snapshot ${before.name} ${doubt}` };
  try {
    const pair = { left: Number(before.thinId), right: Number(snapshot.thinId) };
    const pool = { volumeGroup, pool: snapshot.pool };
    const changed = await withMetadataSnapshot(
      engine,
      pool,
      (device) => compare(device, pair, signal),
      signal,
    );
    return { changed: changesOfImage(changed, parent.size, snapshot.size) };
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    return { fallback: error.message };
  }
}

/**
 * Returns the ranges of a volume that may differ from the image of its parent: the changed ranges within both, and
 * the part by which the volume has grown. The delta does not show that part if LVM cut it off and added it again.
 *
 * @param before size of the image in bytes
 * @param now size of the volume in bytes
 */
export function changesOfImage(changed: readonly Extent[], before: number, now: number): readonly Extent[] {
  const end = Math.min(before, now);
  const within = changed
    .filter(({ offset }) => offset < end)
    .map(({ offset, length }) => ({ offset, length: Math.min(length, end - offset) }));
  return now > before ? [...within, { offset: before, length: now - before }] : within;
}

/** Returns a reason why the image of the parent may not have been read from this snapshot. */
function doubtAbout(before: Volume, snapshot: Volume, parent: RevisionRecord): string | undefined {
  if (!isThin(before) || before.pool !== snapshot.pool) return `is not in the thin pool ${snapshot.pool}`;
  if (!before.isReadOnly) return 'was made writable';
  if (before.size === parent.size) return undefined;
  return `has ${formatSize(before.size)}, the revision has ${formatSize(parent.size)}`;
}

async function compare(
  device: string,
  { left, right }: ThinPair,
  signal: AbortSignal | undefined,
): Promise<readonly Extent[]> {
  const reader = createThinDeltaReader({ left, right });
  try {
    const snapshots = ['--snap1', String(left), '--snap2', String(right)];
    await runTool('thin_delta', ['--metadata-snap', ...snapshots, device], { take: reader.feed, signal });
    return reader.finish();
  } catch (cause) {
    if (isBackyError(cause) || !(cause instanceof Error)) throw cause;
    throw backyError('BACKY_TOOL_FAILED', { tool: 'thin_delta', reason: cause.message }, { cause });
  }
}
