import { realpathSync, statSync } from 'node:fs';
import { loadConfig } from '../../config/load-config.ts';
import { isBackyError } from '../../errors.ts';
import { isNodeError } from '../../io-error.ts';
import type { FreedStats } from '../../native/engine.ts';
import type { Layout } from '../../repository/layout.ts';
import { openSnapshotList } from '../../repository/left-snapshots.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import { readTrash } from '../../repository/trash.ts';
import { openSource } from '../../sources/open-source.ts';
import type { EngineContext } from '../context.ts';

export type { FreedStats };

/**
 * Measures the space that deleting some revisions would free, while all others stay, including those in the trash. The
 * figure is for people, so a failure makes it an estimate and does not prevent the removal.
 *
 * @throws BACKY_CANCELLED
 */
export async function measureFreed(context: EngineContext, ids: readonly string[]): Promise<FreedStats> {
  if (ids.length === 0) return { bytes: 0, estimated: false };
  const { engine, layout, signal } = context;
  try {
    const keep = await filesThatStay(context, ids);
    return await engine.measureFreed({ remove: filesOf(layout, ids), keep }, { signal });
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    return { bytes: 0, estimated: true, reason: error.message };
  }
}

async function filesThatStay(context: EngineContext, going: readonly string[]): Promise<readonly string[]> {
  const { layout } = context;
  const { revisions, damaged, unreadable, unrecorded } = await readRevisions(layout);
  const others = [...revisions, ...damaged, ...unreadable, ...unrecorded]
    .map(({ uuid }) => uuid)
    .filter((uuid) => !going.includes(uuid));
  const trash = (await readTrash(layout)).flatMap((batch) =>
    filesOf(
      batch.layout,
      [...batch.revisions, ...batch.damaged, ...batch.unreadable].map(({ uuid }) => uuid),
    ),
  );
  const source = await sharingSource(context, revisions.at(-1)?.uuid);
  return [...filesOf(layout, others), ...trash, ...source];
}

/** Returns files of the source on the same filesystem. They share blocks with revisions cloned from them. */
async function sharingSource(
  { engine, layout }: EngineContext,
  newest: string | undefined,
): Promise<readonly string[]> {
  if (newest === undefined) return [];
  try {
    const { source } = await loadConfig(layout.config);
    const left = await openSnapshotList(engine, layout);
    const places = await openSource(source, layout.directory, engine, left).places?.(newest);
    const { dev } = statSync(layout.directory);
    const present = (places ?? []).filter((path) => statSync(path, { throwIfNoEntry: false })?.dev === dev);
    // The engine does not follow links, but the path of a source may be a link.
    return present.map((path) => realpathSync(path));
  } catch (error) {
    // Without the source, the figure is slightly too large. The removal can go on.
    if (isBackyError(error) || isNodeError(error)) return [];
    throw error;
  }
}

function filesOf(layout: Layout, ids: readonly string[]): readonly string[] {
  return ids.flatMap((id) => {
    const { image, index, record } = layout.files(id);
    return [image, index, record];
  });
}
