import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { RevisionRecord, Trust } from '../../../src/domain/revision.ts';
import type { Engine } from '../../../src/native/engine.ts';
import { type Layout, layoutOf } from '../../../src/repository/layout.ts';
import { readRevisions } from '../../../src/repository/read-revisions.ts';
import { foreignChecksum } from '../../../src/repository/seal-revision.ts';
import { readTrash } from '../../../src/repository/trash.ts';

/** The facts about one revision. */
export interface Known {
  readonly place: 'repository' | 'trash';
  /** Digest of the index, which holds the hashes of all blocks. */
  readonly digest: string;
  readonly size: number;
  readonly tags: string;
  readonly trust: Trust;
  /** Blocks of the image that do not equal the index: none, unless a test has damaged it. */
  readonly badCount: number;
}

/** All revisions by their ids, wherever they lie. */
export type State = ReadonlyMap<string, Known>;

/** One sentence for each fault; empty if all is well. */
export type Violations = string[];

/**
 * Reads every revision and hashes every image. What is damaged in the repository itself is a violation; in the trash,
 * only once what was interrupted has been finished.
 */
export async function readState(
  engine: Engine,
  directory: string,
  { settled, violations }: { readonly settled: boolean; readonly violations: Violations },
): Promise<State> {
  const state = new Map<string, Known>();
  const layout = layoutOf(directory);
  const { revisions, damaged } = await readRevisions(layout);
  for (const { uuid, reason } of damaged) violations.push(`${uuid} is damaged: ${reason}`);
  for (const record of revisions) state.set(record.uuid, await look(engine, layout, record, 'repository'));
  checkRecords(layout, revisions, violations);
  for (const { layout: batch, revisions: removed } of await readTrash(layout)) {
    for (const record of removed) state.set(record.uuid, await look(engine, batch, record, 'trash'));
    checkRecords(batch, removed, violations);
    if (!settled) continue;
    for (const { uuid, reason } of (await readRevisions(batch)).damaged)
      violations.push(`${uuid} is damaged in the trash: ${reason}`);
  }
  return state;
}

function checkRecords(layout: Layout, records: readonly RevisionRecord[], violations: Violations): void {
  for (const { uuid } of records)
    if (foreignChecksum(layout.files(uuid).record))
      violations.push(`the record of ${uuid} is not as it was written`);
}

async function look(
  engine: Engine,
  layout: Layout,
  { uuid, digest: recorded, size, tags, trust }: RevisionRecord,
  place: Known['place'],
): Promise<Known> {
  const digest = recorded ?? '';
  const { image, index } = layout.files(uuid);
  const badCount = await countBad(engine, { image, index, digest, size });
  return { place, digest, size, tags: [...tags].sort().join(','), trust, badCount };
}

/** An index that cannot be used counts as one bad block more than there can be. */
async function countBad(engine: Engine, options: Parameters<Engine['verifyImage']>[0]): Promise<number> {
  try {
    return (await engine.verifyImage(options)).badCount;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Returns the target of `last`; undefined if there is none. */
export function lastOf(directory: string): string | undefined {
  const link = join(directory, 'last');
  try {
    const target = readlinkSync(link);
    return existsSync(link) ? target : `${target}, which is not there`;
  } catch {
    return undefined;
  }
}

/** Files that belong to no sealed revision and should not be there when nothing runs. */
export function strayFiles(directory: string, state: State): readonly string[] {
  const ids = [...state].filter(([, { place }]) => place === 'repository').map(([uuid]) => uuid);
  const own = new Set(ids.flatMap((uuid) => [uuid, `${uuid}.hashes`, `${uuid}.rev`]));
  const isRevision = /^(?:\.tmp-|[0-9a-f]{8}-)/;
  return readdirSync(directory).filter((name) => isRevision.test(name) && !own.has(name));
}
