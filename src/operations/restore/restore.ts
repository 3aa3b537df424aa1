import { resolve } from 'node:path';
import { describeBadBlocks } from '../../domain/bad-blocks.ts';
import { isGood, isIndexed, type RevisionRecord } from '../../domain/revision.ts';
import { quoted } from '../../domain/shell-word.ts';
import { type BackyError, backyError, isBackyError } from '../../errors.ts';
import type {
  RestoreOptions as EngineRestoreOptions,
  OperationOptions,
  RestoreStats,
  TargetFacts,
} from '../../native/engine.ts';
import { checkLoad } from '../../native/operate.ts';
import { withReaderLock } from '../../repository/lock.ts';
import { lookUpRevision } from '../../repository/look-up.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import { type Context, type EngineContext, type PlainContext, withEngine } from '../context.ts';
import { withIndex } from '../verify/index-revision.ts';
import { wholeProgress } from '../whole-progress.ts';
import { type BegunRestore, beginRestore } from './begin-restore.ts';
import { checkDescriptor, namingDescriptor, STANDARD_OUTPUT } from './descriptor-target.ts';
import { hasBegun, restoreFailure } from './restore-failure.ts';
import { checkLink, checkTarget, isRbdTarget, type RestoreTarget } from './restore-target.ts';
import { restoreCommand } from './unfinished-restore.ts';

/** The revision to restore, and its target. */
export interface RestoreOptions extends OperationOptions {
  /** A revision spec; `last` by default. */
  readonly revision?: string | undefined;
  /**
   * A new file, an existing file or a block device, of which only differing blocks are written; `rbd:POOL/IMAGE`; or
   * `-` for standard output.
   */
  readonly target: RestoreTarget;
  /** Restore the good blocks of a damaged image. */
  readonly force?: boolean | undefined;
  /**
   * Share all blocks of the image with a new file on the same filesystem instead of copying them. This takes
   * milliseconds and checks no block; `verify` checks both. Excludes `force`.
   */
  readonly clone?: boolean | undefined;
}

/** A complete and durable restore. Sizes in bytes. */
export interface RestoreResult {
  readonly record: RevisionRecord;
  readonly size: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Whether every block was checked. False only for a clone. */
  readonly checked: boolean;
  readonly targetKind: RestoreStats['targetKind'];
}

/**
 * Writes the image of a revision to a target. Checks every block, unless the target is a clone.
 *
 * @throws BACKY_RESTORE_INCOMPLETE when `force` left out damaged blocks (`details.badCount`, the first 10,000 in
 *   `details.badBlocks`),
 *   BACKY_IMAGE_DAMAGED, BACKY_INDEX_DAMAGED, BACKY_RECORD_DAMAGED, BACKY_REVISION_SPEC_INVALID, BACKY_REVISION_UNKNOWN,
 *   BACKY_REVISION_AMBIGUOUS, BACKY_TARGET_IN_REPOSITORY, BACKY_TARGET_BUSY, BACKY_TARGET_SMALL, BACKY_TARGET_KIND,
 *   BACKY_TARGET_PROTECTED, BACKY_LINK_FOREIGN, BACKY_FILE_FOREIGN, BACKY_FILE_REPLACED, BACKY_NO_PLACE,
 *   BACKY_CLONE_REFUSED, BACKY_INVALID_ARGUMENT, BACKY_TARGET_NAME, BACKY_TARGET_MISSING, BACKY_TARGET_STALLED, BACKY_CLUSTER_UNREACHABLE, BACKY_PROGRAM_FAILED, BACKY_IO, BACKY_CANCELLED
 */
export async function restore(context: Context, options: RestoreOptions): Promise<RestoreResult> {
  checkLoad(options);
  const target = normalize(options.target);
  const loaded = await withEngine(context);
  const { engine, layout, log } = loaded;
  return withReaderLock(engine, layout, options.signal, async () => {
    const record = lookUpRevision(layout, await readRevisions(layout), options.revision ?? 'last');
    if (options.clone) checkClone(record, options);
    if (!isGood(record)) log('warning', `revision ${record.uuid} is distrusted`);
    return restoreRevision(loaded, { record, target, options });
  });
}

interface Task {
  readonly record: RevisionRecord;
  readonly target: RestoreTarget;
  readonly options: RestoreOptions;
}

/** Restores a revision while a lock keeps it from being removed. */
async function restoreRevision(context: EngineContext, task: Task): Promise<RestoreResult> {
  const { layout, log } = context;
  const { record, target } = task;
  const { uuid, size } = record;
  const { clone = false } = task.options;
  const access = await openTarget(context, task);
  log('info', `restoring ${uuid} to ${nameOf(target)}`);
  const begun = await beginRestore(context, target, uuid);
  const stats = await concluding(layout.directory, task, begun, () => writeTarget(context, task, access));
  // Damaged blocks were left out, so the target is not complete.
  if (stats.badBlocks.length > 0) throw incomplete(layout.files(uuid).image, stats);
  await begun.complete();
  log('info', `restored ${uuid} to ${nameOf(target)}${clone ? ' as a clone, unchecked' : ''}`);
  const { bytesRead, bytesWritten, targetKind } = stats;
  return { record, size, bytesRead, bytesWritten, checked: !clone, targetKind };
}

/** Has the engine write the image to the target. A revision without an index is read twice: first to make one. */
function writeTarget(
  context: EngineContext,
  { record, options }: Task,
  { where, explain }: OpenTarget,
): Promise<RestoreStats> {
  const { engine, layout } = context;
  const { force = false, onProgress } = options;
  const { image } = layout.files(record.uuid);
  const pieces = Array(isIndexed(record) ? 1 : 2).fill(record.size);
  const observers = onProgress ? wholeProgress(onProgress, pieces) : [];
  const indexing = { ...options, onProgress: observers.at(0) };
  const restoring = { ...options, onProgress: observers.at(-1) };
  return withIndex(context, record, indexing, ({ record: { size, digest }, index }) =>
    explaining(explain, () =>
      engine.restoreImage({ image, index, size, digest, force, ...where }, restoring),
    ),
  );
}

/**
 * Runs a restore. Its failure says whether the target is complete, and how to finish it.
 *
 * @param directory of the repository
 */
async function concluding<Result>(
  directory: string,
  { record, target, options: { force = false, clone = false } }: Task,
  begun: BegunRestore,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await namingDescriptor(target, work);
  } catch (error) {
    // After an internal error, the target may have changed.
    if (isBackyError(error) && !hasBegun(error)) await begun.undo();
    const flags = [...(force ? ['--force'] : []), ...(clone ? ['--clone'] : [])];
    const command = restoreCommand(directory, record.uuid, nameOf(target), flags);
    throw restoreFailure(error, begun, nameOf(target), command);
  }
}

/** Refuses a clone that `force` or a distrusted revision would make wrong, because a clone is not checked. */
function checkClone(record: RevisionRecord, { target, force = false }: RestoreOptions): void {
  if (force) throw backyError('BACKY_INVALID_ARGUMENT', { detail: 'clone and force exclude each other' });
  const reason =
    typeof target !== 'string' || target === '-' || isRbdTarget(target)
      ? 'it is no file'
      : !isGood(record) && `revision ${record.uuid} is distrusted, and the blocks of a clone are not checked`;
  if (reason) throw backyError('BACKY_CLONE_REFUSED', { path: nameOf(target), reason });
}

/** Access of the engine to a target. */
interface OpenTarget {
  readonly where: Pick<EngineRestoreOptions, 'target' | 'targetClone' | 'targetFd' | 'targetCommand'>;
  /** Finds the cause of a failure, if more can be found out. */
  readonly explain?: (failure: unknown) => Promise<unknown>;
}

async function explaining<Result>(
  explain: OpenTarget['explain'],
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (failure) {
    throw explain ? await explain(failure) : failure;
  }
}

/** Refuses targets that must not be overwritten. */
async function openTarget(context: EngineContext, { record, target, options }: Task): Promise<OpenTarget> {
  const { size } = record;
  if (isRbdTarget(target)) {
    const { openRbdTarget } = await import('./rbd-target.ts');
    const { command, explain } = await openRbdTarget(context, target, size);
    return { where: { targetCommand: command }, explain };
  }
  await checkTarget(context.layout.directory, target);
  if (typeof target !== 'string') {
    checkDescriptor(target.fd);
    return { where: { targetFd: target.fd } };
  }
  // The engine refuses a clone whose name is taken.
  if (options.clone) return { where: { targetClone: target } };
  await checkLink(target);
  // The engine checks again when it opens the target, but making an index first takes as long as reading the image.
  warnOfReaders(context, target, await context.engine.checkTarget(target, size));
  return { where: { target } };
}

/** Permissions of everybody but the owner of a file. */
const OTHERS = 0o077;

/** Warns if other users may read or change the target, which holds the disk of the guest afterwards. */
function warnOfReaders({ log }: PlainContext, path: string, { mode = 0 }: TargetFacts): void {
  if ((mode & OTHERS) === 0) return;
  log(
    'warning',
    `the target ${path} has the mode ${mode.toString(8).padStart(4, '0')}, so that others may read or change the disk; "chmod 600 ${quoted(path)}" keeps it private`,
  );
}

/** Matches a path that ends in a slash, `.` or `..`. */
const NAMES_DIRECTORY = /(^|\/)\.{0,2}$/;

function normalize(target: RestoreTarget): RestoreTarget {
  if (typeof target !== 'string' || isRbdTarget(target)) return target;
  if (target === '-') return { fd: STANDARD_OUTPUT };
  if (!NAMES_DIRECTORY.test(target)) return resolve(target);
  throw backyError('BACKY_TARGET_KIND', { path: target, kind: 'the name of a directory' });
}

function nameOf(target: RestoreTarget): string {
  return typeof target === 'string' ? target : 'a stream';
}

function incomplete(path: string, { badBlocks, badCount }: RestoreStats): BackyError {
  const facts = { path, ranges: describeBadBlocks(badBlocks, badCount) };
  return backyError('BACKY_RESTORE_INCOMPLETE', facts, { details: { badBlocks, badCount } });
}
