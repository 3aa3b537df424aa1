import { setTimeout as sleep } from 'node:timers/promises';
import { type BackyError, backyError, isBackyError } from '../errors.ts';
import { isIoError } from '../io-error.ts';
import type { Engine, Lock } from '../native/engine.ts';
import type { Layout } from './layout.ts';

const RETRY_INTERVAL_MS = 100;
/** Removing leftovers is quick; who needs them to stay waits that long for it. */
const PURGE_WAIT_MS = 10_000;
/** A backup in progress may take hours; what was found out is worth waiting for, but not that long. */
const WRITER_WAIT_MS = 10_000;

/** Makes the caller the one writer of the repository. @throws BACKY_LOCKED at once when there is another. */
export function lockForWriting(engine: Engine, { backupLock, directory }: Layout): Lock {
  return acquire(engine, backupLock, 'exclusive', { work: 'backup', directory });
}

/**
 * Runs `work` as the one writer of the repository, after a short wait for another.
 *
 * @param signal ends the wait
 * @throws BACKY_LOCKED, BACKY_CANCELLED, and what `work` throws
 */
export async function asWriter<Result>(
  engine: Engine,
  layout: Layout,
  signal: AbortSignal | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  const writing = await retry(() => lockForWriting(engine, layout), WRITER_WAIT_MS, signal);
  try {
    return await work();
  } finally {
    writing.release();
  }
}

/** Keeps everybody else from needing files, so that some may be removed. @throws BACKY_LOCKED when they are needed. */
export function lockForRemoving(engine: Engine, { purgeLock, directory }: Layout): Lock {
  return acquire(engine, purgeLock, 'exclusive', { work: 'backup, restore or verification', directory });
}

/** As `lockForRemoving`, but returns undefined when files are needed. */
export function tryLockForRemoving(engine: Engine, layout: Layout): Lock | undefined {
  try {
    return lockForRemoving(engine, layout);
  } catch (error) {
    if (isBackyError(error, 'BACKY_LOCKED')) return undefined;
    throw error;
  }
}

/**
 * Runs `work` as the only one who changes the list of unfinished restores, which takes a moment.
 *
 * @throws BACKY_LOCKED, BACKY_CANCELLED, BACKY_IO, and what `work` throws
 */
export async function changingRestores<Result>(
  engine: Engine,
  { restoringLock, directory }: Layout,
  work: () => Promise<Result>,
): Promise<Result> {
  const attempt = (): Lock => acquire(engine, restoringLock, 'exclusive', { work: 'restore', directory });
  const changing = await retry(attempt, PURGE_WAIT_MS);
  try {
    return await work();
  } finally {
    changing.release();
  }
}

/** Keeps files from being removed while they are read or written. @param signal ends the wait @throws BACKY_LOCKED, BACKY_CANCELLED */
export function lockForKeeping(
  engine: Engine,
  { purgeLock, directory }: Layout,
  signal?: AbortSignal,
): Promise<Lock> {
  const attempt = (): Lock => acquire(engine, purgeLock, 'shared', { work: 'purge', directory });
  return retry(attempt, PURGE_WAIT_MS, signal);
}

/**
 * Runs `work` while no file is removed. On a read-only filesystem there is no lock to be had, and nobody who
 * could remove anything.
 *
 * @param signal ends the wait for a purge
 * @throws BACKY_LOCKED, BACKY_CANCELLED, and what `work` throws
 */
export async function keepingFiles<Result>(
  engine: Engine,
  layout: Layout,
  signal: AbortSignal | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  const lock = await ifWritable(lockForKeeping(engine, layout, signal));
  try {
    return await work();
  } finally {
    lock?.release();
  }
}

async function ifWritable(locking: Promise<Lock>): Promise<Lock | undefined> {
  try {
    return await locking;
  } catch (error) {
    if (isIoError(error, 'EROFS')) return undefined;
    throw error;
  }
}

function acquire(
  engine: Engine,
  path: string,
  mode: 'exclusive' | 'shared',
  { work, directory }: { readonly work: string; readonly directory: string },
): Lock {
  try {
    return engine.lockFile(path, mode);
  } catch (error) {
    if (!isBackyError(error, 'BACKY_LOCKED')) throw error;
    const { pid, heldBy, holder } = error.details;
    const facts = { work, path: directory, holder: String(holder) };
    throw backyError('BACKY_LOCKED', facts, { cause: error, details: { pid, heldBy } });
  }
}

async function retry(attempt: () => Lock, waitMs: number, signal?: AbortSignal): Promise<Lock> {
  for (let waitedMs = 0; ; waitedMs += RETRY_INTERVAL_MS) {
    try {
      return attempt();
    } catch (error) {
      if (!isBackyError(error, 'BACKY_LOCKED') || waitedMs >= waitMs) throw error;
    }
    // It rejects for one reason only.
    await sleep(RETRY_INTERVAL_MS, undefined, signal && { signal }).catch(() => undefined);
    if (signal?.aborted) throw cancelled(signal);
  }
}

function cancelled({ reason: cause }: AbortSignal): BackyError {
  const facts = { work: 'wait for another process', aftermath: 'nothing was written' };
  return backyError('BACKY_CANCELLED', facts, { cause });
}
