import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BackyError, backyError, isBackyError } from '../../errors.ts';
import { fromNodeError } from '../../io-error.ts';
import type { Engine, Lock } from '../../native/engine.ts';
import { mapperName } from './device-name.ts';
import { readTool, runTool } from './tool.ts';
import { listVolumes } from './volumes.ts';

/** A thin pool. */
export interface Pool {
  readonly volumeGroup: string;
  readonly pool: string;
}

const LOCKS = '/run/backy';
const RETRY_INTERVAL_MS = 200;
/** Comparing two volumes is a matter of seconds. */
const PATIENCE_MS = 5 * 60_000;
/** Says on the pool that the snapshot of its metadata is ours, for the run after one that was killed. */
const TAG = 'backy.metadata-snapshot';

/**
 * Runs `work` while the pool keeps a snapshot of its metadata, which can be read while the pool is in use. A pool keeps
 * one at most, so one run waits for the other; what a killed run left is released.
 *
 * @param work gets the device that the metadata is on
 * @throws BACKY_LOCKED, BACKY_SNAPSHOT_FAILED when somebody else keeps one, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED,
 *   BACKY_IO, and what `work` throws
 */
export async function withMetadataSnapshot<Result>(
  engine: Engine,
  pool: Pool,
  work: (device: string) => Promise<Result>,
): Promise<Result> {
  const lock = await lockPool(engine, pool);
  try {
    if (await keepsOne(pool)) {
      await refuseUnlessOurs(pool);
      await tell(pool, 'release_metadata_snap');
    }
    await reserve(pool);
    try {
      return await work(`/dev/mapper/${mapperName(pool.volumeGroup, `${pool.pool}_tmeta`)}`);
    } finally {
      await tell(pool, 'release_metadata_snap');
      await mark(pool, '--deltag');
    }
  } finally {
    lock.release();
  }
}

/** Whether the status of a pool says that it keeps a snapshot of its metadata: the block where it is, or a hyphen. */
export function isKept(status: string): boolean {
  const [, , target, , , , root = ''] = status.trim().split(/\s+/);
  if (target === 'thin-pool' && /^(-|\d+)$/.test(root)) return root !== '-';
  throw backyError('BACKY_TOOL_FAILED', { tool: 'dmsetup', reason: `no status of a pool: ${status.trim()}` });
}

/** Marked first: what is reserved and not marked would be somebody else's for ever. */
async function reserve(pool: Pool): Promise<void> {
  await mark(pool, '--addtag');
  try {
    await tell(pool, 'reserve_metadata_snap');
  } catch (error) {
    await mark(pool, '--deltag');
    throw error;
  }
}

async function keepsOne({ volumeGroup, pool }: Pool): Promise<boolean> {
  return isKept(await readTool('dmsetup', ['status', mapperName(volumeGroup, pool, 'tpool')]));
}

function tell({ volumeGroup, pool }: Pool, message: string): Promise<void> {
  return runTool('dmsetup', ['message', mapperName(volumeGroup, pool, 'tpool'), '0', message]);
}

function mark({ volumeGroup, pool }: Pool, how: '--addtag' | '--deltag'): Promise<void> {
  return runTool('lvchange', ['--quiet', how, TAG, `${volumeGroup}/${pool}`]);
}

async function refuseUnlessOurs({ volumeGroup, pool }: Pool): Promise<void> {
  const volumes = await listVolumes(volumeGroup);
  if (volumes.find(({ name }) => name === pool)?.tags.includes(TAG)) return;
  throw backyError('BACKY_SNAPSHOT_FAILED', {
    source: `${volumeGroup}/${pool}`,
    reason: 'somebody else keeps a snapshot of its metadata, and there can be one only',
    advice: `See who uses it; "dmsetup message ${mapperName(volumeGroup, pool, 'tpool')} 0 release_metadata_snap" ends it`,
  });
}

/** Group and pool may make the same text in two ways; then two pools wait for each other, which does no harm. */
async function lockPool(engine: Engine, { volumeGroup, pool }: Pool): Promise<Lock> {
  try {
    await mkdir(LOCKS, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fromNodeError(error);
  }
  for (let waitedMs = 0; ; waitedMs += RETRY_INTERVAL_MS) {
    try {
      return engine.lockFile(join(LOCKS, `lvm-${volumeGroup}-${pool}.lock`), 'exclusive');
    } catch (cause) {
      if (!isBackyError(cause, 'BACKY_LOCKED')) throw cause;
      if (waitedMs >= PATIENCE_MS) throw busy(`${volumeGroup}/${pool}`, cause);
    }
    await sleep(RETRY_INTERVAL_MS);
  }
}

function busy(pool: string, cause: BackyError): BackyError {
  const { pid, heldBy, holder } = cause.details;
  const facts = { work: 'comparison of volumes', path: pool, holder: String(holder) };
  return backyError('BACKY_LOCKED', facts, { cause, details: { pid, heldBy } });
}
