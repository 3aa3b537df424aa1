import { dirname } from 'node:path';
import { counted } from '../../domain/counted.ts';
import { type IndexedRecord, isIndexed, type RevisionRecord } from '../../domain/revision.ts';
import { isBackyError } from '../../errors.ts';
import type { BadBlock, RepairedBlock } from '../../native/engine.ts';
import { waitForWriterLock } from '../../repository/lock.ts';
import { openSource } from '../../sources/open-source.ts';
import type { EngineContext } from '../context.ts';
import { loadTrustedConfig, openTrustedSnapshotList } from '../trust.ts';
import { distrustRevision } from './record-verdict.ts';
import { writeRepairReport } from './repair-report.ts';
import type { Repair, SharedDamage } from './repair-result.ts';

/** The blocks to repair. */
export interface Damage {
  readonly record: IndexedRecord;
  /** All revisions of the repository. */
  readonly revisions: readonly RevisionRecord[];
  readonly badBlocks: readonly BadBlock[];
  readonly sharers: readonly SharedDamage[];
}

/**
 * Finds other revisions that share bad blocks on the disk. Returns none if the filesystem does not tell.
 *
 * @throws BACKY_CANCELLED
 */
export async function damageElsewhere(
  { layout, log, engine }: EngineContext,
  { uuid }: RevisionRecord,
  badBlocks: readonly BadBlock[],
  {
    revisions,
    signal,
  }: { readonly revisions: readonly RevisionRecord[]; readonly signal?: AbortSignal | undefined },
): Promise<readonly SharedDamage[]> {
  const others = new Map(
    revisions.filter((other) => other.uuid !== uuid).map((other) => [layout.files(other.uuid).image, other]),
  );
  const blocks = badBlocks.map(({ offset }) => offset);
  try {
    const { image } = layout.files(uuid);
    const sharers = await engine.findSharers({ image, blocks, others: [...others.keys()] }, { signal });
    return sharers.flatMap(({ path, blocks: shared }) => {
      const other = others.get(path);
      return other ? [{ uuid: other.uuid, blocks: shared }] : [];
    });
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    log('warning', `which revisions share the damage of ${uuid} is not known: ${error.message}`);
    return [];
  }
}

/**
 * Repairs bad blocks of a revision and of all revisions that share the damage, if their bytes exist elsewhere. The
 * indexes prove the bytes. This is the only operation that changes sealed images, and it keeps the bad bytes as
 * evidence. Blocks that cannot be repaired stay as they are, with the reason.
 *
 * @throws BACKY_CANCELLED
 */
export async function repair(context: EngineContext, damage: Damage, signal?: AbortSignal): Promise<Repair> {
  const { record, badBlocks, sharers, revisions } = damage;
  const timestamp = context.clock().toISOString();
  const heal = (revision: IndexedRecord, blocks: readonly { offset: number; length: number }[]) =>
    healRevision(context, { revision, blocks, revisions, timestamp }, signal);
  const own = await heal(record, badBlocks);
  const others: Repair['sharers'][number][] = [];
  for (const { uuid, blocks } of sharers) {
    const revision = revisions.find((other) => other.uuid === uuid);
    if (!revision || !isIndexed(revision)) continue;
    const places = blocks.map((offset) => ({ offset, length: revision.blockSize }));
    const healing = await heal(revision, places);
    if (healing.left.length > 0) await distrustRevision(context, uuid);
    others.push({ uuid, ...healing });
  }
  const result = { ...own, sharers: others };
  return { ...result, report: await writeRepairReport(context, record, timestamp, result) };
}

interface Task {
  readonly revision: IndexedRecord;
  readonly blocks: readonly { readonly offset: number; readonly length: number }[];
  readonly revisions: readonly RevisionRecord[];
  readonly timestamp: string;
}

type Healing = Pick<Repair, 'healed' | 'left'>;

async function healRevision(
  context: EngineContext,
  { revision, blocks, revisions, timestamp }: Task,
  signal: AbortSignal | undefined,
): Promise<Healing> {
  const { layout, log, engine } = context;
  const { uuid, size, digest } = revision;
  const { image, index } = layout.files(uuid);
  const { evidence } = layout.repair(uuid, timestamp);
  try {
    const donors = await donorsOf(context, revision, revisions);
    const offsets = blocks.map(({ offset }) => offset);
    const options = { image, index, size, digest, blocks: offsets, donors: [...donors], evidence };
    const healing = sorted(
      await waitForWriterLock(engine, layout, signal, () => engine.repairImage(options, { signal })),
    );
    const count = healing.healed.length;
    if (count > 0) log('warning', `${counted(count, 'bad block')} of ${uuid} healed`);
    return healing;
  } catch (error) {
    if (!isBackyError(error) || error.code === 'BACKY_CANCELLED') throw error;
    return { healed: [], left: blocks.map((block) => ({ ...block, reason: error.message })) };
  }
}

function sorted(blocks: readonly RepairedBlock[]): Healing {
  return {
    healed: blocks.flatMap(({ block: { offset, length }, from = null, evidence }) =>
      evidence === undefined ? [] : [{ offset, length, from, evidence }],
    ),
    left: blocks.flatMap(({ block: { offset, length }, reason }) =>
      reason === undefined ? [] : [{ offset, length, reason }],
    ),
  };
}

/** Returns files that may hold the right bytes: other revisions, closest in time first, then the source. */
async function donorsOf(
  context: EngineContext,
  { uuid, timestamp }: RevisionRecord,
  revisions: readonly RevisionRecord[],
): Promise<readonly { readonly path: string; readonly index?: string }[]> {
  const { layout, log, engine } = context;
  const distance = (other: RevisionRecord): number =>
    Math.abs(Date.parse(other.timestamp) - Date.parse(timestamp));
  const others = revisions
    .filter((other) => other.uuid !== uuid)
    .sort((left, right) => distance(left) - distance(right))
    .map((other) => layout.files(other.uuid));
  const donors = others.map(({ image, index }) => ({ path: image, index }));
  try {
    const { source } = await loadTrustedConfig(context);
    const left = await openTrustedSnapshotList(context);
    const places = await openSource(source, dirname(layout.config), engine, left).places?.(uuid);
    return [...donors, ...(places ?? []).map((path) => ({ path }))];
  } catch (error) {
    if (!isBackyError(error)) throw error;
    log('warning', `the source is no help in repairing ${uuid}: ${error.message}`);
    return donors;
  }
}
