import { realpathSync, statSync } from 'node:fs';
import { loadConfig } from '../../config/load-config.ts';
import { isBackyError } from '../../errors.ts';
import { isNodeError } from '../../io-error.ts';
import type { Engine, FreedStats } from '../../native/engine.ts';
import type { Layout } from '../../repository/layout.ts';
import { openSnapshotList } from '../../repository/left-snapshots.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import { readTrash } from '../../repository/trash.ts';
import { openSource } from '../../sources/open-source.ts';
import type { Context } from '../context.ts';

export type { FreedStats };

/**
 * Measures what removing some revisions for good would free, while all others, those in the trash too, stay. A figure for
 * people: what goes wrong with it makes it an estimate, and keeps nothing from being removed.
 *
 * @throws BACKY_CANCELLED
 */
export async function measureFreed(
  engine: Engine,
  { layout, signal }: Pick<Context, 'layout' | 'signal'>,
  ids: readonly string[],
): Promise<FreedStats> {
  if (ids.length === 0) return { bytes: 0, estimated: false };
  try {
    const keep = await filesThatStay(engine, layout, ids);
    return await engine.measureFreed({ remove: filesOf(layout, ids), keep }, { signal });
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    return { bytes: 0, estimated: true, reason: error.message };
  }
}

async function filesThatStay(
  engine: Engine,
  layout: Layout,
  going: readonly string[],
): Promise<readonly string[]> {
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
  const source = await sharingSource(engine, layout, revisions.at(-1)?.uuid);
  return [...filesOf(layout, others), ...trash, ...source];
}

/** A source on the same filesystem holds on to the blocks that revisions were cloned from. */
async function sharingSource(
  engine: Engine,
  layout: Layout,
  newest: string | undefined,
): Promise<readonly string[]> {
  if (newest === undefined) return [];
  try {
    const { source } = await loadConfig(layout.config);
    const left = await openSnapshotList(engine, layout);
    const places = await openSource(source, layout.directory, engine, left).places?.(newest);
    const { dev } = statSync(layout.directory);
    const present = (places ?? []).filter((path) => statSync(path, { throwIfNoEntry: false })?.dev === dev);
    // The engine follows no links, and a source may be named by one.
    return present.map((path) => realpathSync(path));
  } catch (error) {
    // Without it the figure is a little too large at worst; what is to be removed can be removed all the same.
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
