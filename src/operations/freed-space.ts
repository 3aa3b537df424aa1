import type { Engine, FreedStats } from '../native/engine.ts';
import type { Layout } from '../repository/layout.ts';
import { readRevisions } from '../repository/read-revisions.ts';
import { readTrash } from '../repository/trash.ts';

export type { FreedStats };

/** Measures what removing some revisions for good would free, while all others, those in the trash too, stay. */
export async function measureFreed(
  engine: Engine,
  layout: Layout,
  ids: readonly string[],
): Promise<FreedStats> {
  if (ids.length === 0) return { bytes: 0, estimated: false };
  const { revisions, damaged } = await readRevisions(layout);
  const others = [...revisions, ...damaged].map(({ uuid }) => uuid).filter((uuid) => !ids.includes(uuid));
  const trash = (await readTrash(layout)).flatMap((batch) =>
    filesOf(
      batch.layout,
      batch.revisions.map(({ uuid }) => uuid),
    ),
  );
  const keep = [...filesOf(layout, others), ...trash];
  return engine.measureFreed({ remove: filesOf(layout, ids), keep });
}

function filesOf(layout: Layout, ids: readonly string[]): readonly string[] {
  return ids.flatMap((id) => {
    const { image, index, record } = layout.files(id);
    return [image, index, record];
  });
}
