import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isBackyError } from '../../errors.ts';
import { isNodeError } from '../../io-error.ts';
import { type Layout, layoutOf } from '../../repository/layout.ts';
import { readSnapshotList } from '../../repository/left-snapshots.ts';
import { holdsRecordOf } from '../../repository/read-revisions.ts';
import type { FoundSnapshot, Source } from '../../sources/source.ts';

/**
 * Snapshots at a source that no repository claims, neither this one nor one in a directory beside it. A repository in
 * another place may still need one.
 *
 * @throws what `Source.snapshotsThere` throws
 */
export async function unclaimedSnapshots(layout: Layout, source: Source): Promise<readonly FoundSnapshot[]> {
  const found = await source.snapshotsThere();
  if (found.length === 0) return [];
  const repositories = [layout, ...neighboursOf(layout)];
  const noted = new Set(repositories.flatMap(notedIn));
  return found.filter(
    ({ uuid }) => !noted.has(uuid) && !repositories.some((repository) => holdsRecordOf(repository, uuid)),
  );
}

/** The other directories in the directory that a repository is in. */
function neighboursOf({ directory }: Layout): readonly Layout[] {
  const parent = dirname(directory);
  try {
    return readdirSync(parent, { withFileTypes: true })
      .filter((entry) => !entry.isFile())
      .map(({ name }) => layoutOf(join(parent, name)));
  } catch (error) {
    if (isNodeError(error)) return [];
    throw error;
  }
}

function notedIn(layout: Layout): readonly string[] {
  try {
    return (readSnapshotList(layout) ?? []).map(({ uuid }) => uuid);
  } catch (error) {
    // A repository that cannot be read claims nothing.
    if (isBackyError(error)) return [];
    throw error;
  }
}
