import { setTimeout as sleep } from 'node:timers/promises';
import { type BackyError, backyError, isBackyError } from '../errors.ts';
import { isIoError } from '../io-error.ts';
import type { Engine, Lock } from '../native/engine.ts';
import type { Layout } from './layout.ts';

const RETRY_INTERVAL_MS = 100;
/** A purge takes moments; a reader waits this long for it to end. */
const PURGE_WAIT_MS = 10_000;
/** A backup may take hours; a result that is ready to be recorded waits this long, no longer. */
const WRITER_WAIT_MS = 10_000;

/**
 * Runs `work` as the one writer of the repository.
 *
 * @throws BACKY_LOCKED at once when another process writes, and what `work` throws
 */
export async function withWriterLock<Result>(
  engine: Engine,
  layout: Layout,
  work: () => Promise<Result>,
): Promise<Result> {
  return holding(acquire(engine, writerLock(layout)), work);
}

/**
 * Runs `work` as the one writer of the repository, after a short wait for another one.
 *
 * @param signal ends the wait
 * @throws BACKY_LOCKED, BACKY_CANCELLED, and what `work` throws
 */
export async function waitForWriterLock<Result>(
  engine: Engine,
  layout: Layout,
  signal: AbortSignal | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  return holding(await acquireSoon(engine, writerLock(layout), WRITER_WAIT_MS, signal), work);
}

/**
 * Runs `work`, which removes files, while nobody reads or writes them.
 *
 * @throws BACKY_LOCKED at once when somebody does, and what `work` throws
 */
export async function withRemovalLock<Result>(
  engine: Engine,
  layout: Layout,
  work: () => Promise<Result>,
): Promise<Result> {
  return holding(acquire(engine, removalLock(layout)), work);
}

/**
 * Runs `work` as `withRemovalLock` does, or skips it when somebody reads or writes files.
 *
 * @returns whether `work` ran
 * @throws what `work` throws
 */
export async function tryRemovalLock(
  engine: Engine,
  layout: Layout,
  work: () => Promise<void>,
): Promise<boolean> {
  const lock = ifFree(() => acquire(engine, removalLock(layout)));
  if (lock) await holding(lock, work);
  return lock !== undefined;
}

/**
 * Runs `work`, which reads or writes files, while nobody removes any. A read-only filesystem needs no lock: nobody can
 * remove anything there.
 *
 * @param signal ends the wait for a purge
 * @throws BACKY_LOCKED, BACKY_CANCELLED, and what `work` throws
 */
export async function withReaderLock<Result>(
  engine: Engine,
  layout: Layout,
  signal: AbortSignal | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  return holding(await ifWritable(acquireSoon(engine, readerLock(layout), PURGE_WAIT_MS, signal)), work);
}

/**
 * Runs `work`, which changes the list of unfinished restores, after a short wait for another process that does.
 *
 * @throws BACKY_LOCKED, BACKY_IO, and what `work` throws
 */
export async function withRestoresLock<Result>(
  engine: Engine,
  layout: Layout,
  work: () => Promise<Result>,
): Promise<Result> {
  return holding(await acquireSoon(engine, restoresLock(layout), PURGE_WAIT_MS), work);
}

/** One way to lock a repository. */
interface LockRequest {
  readonly path: string;
  readonly mode: 'exclusive' | 'shared';
  /** Work of the process that holds the lock instead, for the message. */
  readonly work: string;
  readonly directory: string;
}

function writerLock({ writerLock: path, directory }: Layout): LockRequest {
  return { path, mode: 'exclusive', work: 'backup', directory };
}

function removalLock({ removalLock: path, directory }: Layout): LockRequest {
  return { path, mode: 'exclusive', work: 'backup, restore or verification', directory };
}

function readerLock({ removalLock: path, directory }: Layout): LockRequest {
  return { path, mode: 'shared', work: 'purge', directory };
}

function restoresLock({ restoresLock: path, directory }: Layout): LockRequest {
  return { path, mode: 'exclusive', work: 'restore', directory };
}

async function holding<Result>(lock: Lock | undefined, work: () => Promise<Result>): Promise<Result> {
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

function ifFree(attempt: () => Lock): Lock | undefined {
  try {
    return attempt();
  } catch (error) {
    if (isBackyError(error, 'BACKY_LOCKED')) return undefined;
    throw error;
  }
}

function acquire(engine: Engine, { path, mode, work, directory }: LockRequest): Lock {
  try {
    return engine.lockFile(path, mode);
  } catch (error) {
    if (!isBackyError(error, 'BACKY_LOCKED')) throw error;
    const { pid, heldBy, holder } = error.details;
    const facts = { work, path: directory, holder: String(holder) };
    throw backyError('BACKY_LOCKED', facts, { cause: error, details: { pid, heldBy } });
  }
}

async function acquireSoon(
  engine: Engine,
  request: LockRequest,
  waitMs: number,
  signal?: AbortSignal,
): Promise<Lock> {
  for (let waitedMs = 0; ; waitedMs += RETRY_INTERVAL_MS) {
    try {
      return acquire(engine, request);
    } catch (error) {
      if (!isBackyError(error, 'BACKY_LOCKED') || waitedMs >= waitMs) throw error;
    }
    // The sleep rejects only when the signal ends it.
    await sleep(RETRY_INTERVAL_MS, undefined, signal && { signal }).catch(() => undefined);
    if (signal?.aborted) throw cancelled(signal);
  }
}

function cancelled({ reason: cause }: AbortSignal): BackyError {
  const facts = { work: 'wait for another process', aftermath: 'nothing was written' };
  return backyError('BACKY_CANCELLED', facts, { cause });
}
