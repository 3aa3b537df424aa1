import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isBackyError } from '../../errors.ts';
import { isNodeError } from '../../io-error.ts';
import { type Layout, layoutOf } from '../../repository/layout.ts';
import { readSnapshotList } from '../../repository/left-snapshots.ts';
import { holdsRecordOf } from '../../repository/read-revisions.ts';
import type { FoundSnapshot, Source } from '../../sources/source.ts';

/**
 * Finds snapshots at a source that neither this repository nor one in a directory beside it claims. A repository
 * elsewhere may still need them.
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

/** Returns the other directories in the parent directory of a repository. */
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
    // An unreadable repository claims nothing.
    if (isBackyError(error)) return [];
    throw error;
  }
}
