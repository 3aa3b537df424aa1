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
/** A comparison of two volumes takes seconds; other runs wait this long for it. */
const PATIENCE_MS = 5 * 60_000;
/** Tag that marks the metadata snapshot of a pool as ours, for the run after a killed one. */
const TAG = 'backy.metadata-snapshot';

/**
 * Runs `work` while the pool holds a snapshot of its metadata, which is readable while the pool is in use. A pool
 * holds one such snapshot, so runs wait for each other. A snapshot that a killed run left behind is released first.
 *
 * @param work gets the path of the metadata device
 * @param signal ends the wait for other runs
 * @throws BACKY_LOCKED, BACKY_SNAPSHOT_FAILED when another program holds a metadata snapshot, BACKY_TOOL_MISSING,
 *   BACKY_TOOL_FAILED, BACKY_CANCELLED, BACKY_IO, and what `work` throws
 */
export async function withMetadataSnapshot<Result>(
  engine: Engine,
  pool: Pool,
  work: (device: string) => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const lock = await lockPool(engine, pool, signal);
  try {
    if (await hasMetadataSnapshot(pool)) {
      await refuseUnlessOurs(pool);
      await sendMessage(pool, 'release_metadata_snap');
    }
    await reserve(pool);
    try {
      return await work(`/dev/mapper/${mapperName(pool.volumeGroup, `${pool.pool}_tmeta`)}`);
    } finally {
      await sendMessage(pool, 'release_metadata_snap');
      await changeTag(pool, '--deltag');
    }
  } finally {
    lock.release();
  }
}

/**
 * Returns whether the status of a pool has the block of a metadata snapshot, and not a hyphen.
 *
 * @throws BACKY_TOOL_FAILED
 */
export function statusHasSnapshot(status: string): boolean {
  const [, , target, , , , root = ''] = status.trim().split(/\s+/);
  if (target === 'thin-pool' && /^(-|\d+)$/.test(root)) return root !== '-';
  throw backyError('BACKY_TOOL_FAILED', { tool: 'dmsetup', reason: `no status of a pool: ${status.trim()}` });
}

/** Tags the pool first, because a metadata snapshot without the tag counts as foreign for ever. */
async function reserve(pool: Pool): Promise<void> {
  await changeTag(pool, '--addtag');
  try {
    await sendMessage(pool, 'reserve_metadata_snap');
  } catch (error) {
    await changeTag(pool, '--deltag');
    throw error;
  }
}

async function hasMetadataSnapshot({ volumeGroup, pool }: Pool): Promise<boolean> {
  return statusHasSnapshot(await readTool('dmsetup', ['status', mapperName(volumeGroup, pool, 'tpool')]));
}

function sendMessage({ volumeGroup, pool }: Pool, message: string): Promise<void> {
  return runTool('dmsetup', ['message', mapperName(volumeGroup, pool, 'tpool'), '0', message]);
}

function changeTag({ volumeGroup, pool }: Pool, how: '--addtag' | '--deltag'): Promise<void> {
  return runTool('lvchange', ['--quiet', how, TAG, `${volumeGroup}/${pool}`]);
}

async function refuseUnlessOurs({ volumeGroup, pool }: Pool): Promise<void> {
  const volumes = await listVolumes(volumeGroup);
  if (volumes.find(({ name }) => name === pool)?.tags.includes(TAG)) return;
  throw backyError('BACKY_SNAPSHOT_FAILED', {
    source: `${volumeGroup}/${pool}`,
    reason: 'another program holds the only metadata snapshot that the pool can have',
    advice: `See who uses it; "dmsetup message ${mapperName(volumeGroup, pool, 'tpool')} 0 release_metadata_snap" ends it`,
  });
}

/** Locks a pool. Two pools may share a lock name, and then wait for each other without harm. */
async function lockPool(
  engine: Engine,
  { volumeGroup, pool }: Pool,
  signal: AbortSignal | undefined,
): Promise<Lock> {
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
    // The sleep rejects only when the signal ends it.
    await sleep(RETRY_INTERVAL_MS, undefined, signal && { signal }).catch(() => undefined);
    if (signal?.aborted) throw cancelled(signal);
  }
}

function cancelled({ reason: cause }: AbortSignal): BackyError {
  const facts = { work: 'wait for another comparison of volumes', aftermath: 'nothing was written' };
  return backyError('BACKY_CANCELLED', facts, { cause });
}

function busy(pool: string, cause: BackyError): BackyError {
  const { pid, heldBy, holder } = cause.details;
  const facts = { work: 'comparison of volumes', path: pool, holder: String(holder) };
  return backyError('BACKY_LOCKED', facts, { cause, details: { pid, heldBy } });
}
