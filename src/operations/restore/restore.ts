import { resolve } from 'node:path';
import { describeBadBlocks } from '../../domain/bad-blocks.ts';
import { isGood, isIndexed, type RevisionRecord } from '../../domain/revision.ts';
import { quoted } from '../../domain/shell-word.ts';
import { type BackyError, backyError, isBackyError } from '../../errors.ts';
import type {
  Engine,
  RestoreOptions as EngineRestoreOptions,
  OperationOptions,
  RestoreStats,
  TargetFacts,
} from '../../native/engine.ts';
import { checkLoad } from '../../native/operate.ts';
import { withReaderLock } from '../../repository/lock.ts';
import { lookUpRevision } from '../../repository/look-up.ts';
import { readRevisions } from '../../repository/read-revisions.ts';
import type { Context } from '../context.ts';
import { withIndex } from '../verify/index-revision.ts';
import { wholeProgress } from '../whole-progress.ts';
import { type BegunRestore, beginRestore } from './begin-restore.ts';
import { checkDescriptor, namingDescriptor, STANDARD_OUTPUT } from './descriptor-target.ts';
import { hasBegun, restoreFailure } from './restore-failure.ts';
import { checkLink, checkTarget, isRbdTarget, type RestoreTarget } from './restore-target.ts';
import { restoreCommand } from './unfinished-restore.ts';

/** The revision to restore, and its target. */
export interface RestoreOptions extends OperationOptions {
  /** Which revision; `last` by default. */
  readonly revision?: string | undefined;
  /** A new file, an existing file or a block device, of which only what differs is written; `rbd:POOL/IMAGE`; `-` is standard output. */
  readonly target: RestoreTarget;
  /** Restore what is good of a damaged image. */
  readonly force?: boolean | undefined;
  /**
   * Share all blocks of the image with a new file on the same filesystem instead of copying them. It takes milliseconds,
   * and no block is checked: `verify` does that for both. Excludes `force`.
   */
  readonly clone?: boolean | undefined;
}

/** A restore that is complete and durable. Bytes. */
export interface RestoreResult {
  readonly record: RevisionRecord;
  readonly size: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Whether every block was checked on the way: always, but for a clone. */
  readonly checked: boolean;
  readonly targetKind: RestoreStats['targetKind'];
}

/**
 * Writes the image of a revision to a target, checking every block on the way, unless the target is a clone of the image.
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
  const { layout, log } = context;
  const target = normalize(options.target);
  const engine = await context.engine();
  return withReaderLock(engine, layout, options.signal, async () => {
    const record = lookUpRevision(layout, await readRevisions(layout), options.revision ?? 'last');
    const { force = false, clone = false } = options;
    if (clone) checkClone(record, options);
    if (!isGood(record)) log('warning', `revision ${record.uuid} is distrusted`);
    const { image } = layout.files(record.uuid);
    const { where, explain } = await openTarget(
      context,
      engine,
      target,
      record.size,
      clone ? 'targetClone' : 'target',
    );
    log('info', `restoring ${record.uuid} to ${nameOf(target)}`);
    const begun = await beginRestore(context, engine, target, record.uuid);
    // A revision without an index is read once more, for that.
    const pieces = Array(isIndexed(record) ? 1 : 2).fill(record.size);
    const observers = options.onProgress ? wholeProgress(options.onProgress, pieces) : [];
    const indexing = { ...options, onProgress: observers.at(0) };
    const restoring = { ...options, onProgress: observers.at(-1) };
    const stats = await concluding(begun, layout.directory, record, options, target, () =>
      withIndex(context, engine, record, indexing, ({ record: { size, digest }, index }) =>
        explaining(explain, () =>
          engine.restoreImage({ image, index, size, digest, force, ...where }, restoring),
        ),
      ),
    );
    // The target lacks the blocks that were left out, so it is not complete.
    if (stats.badBlocks.length > 0) throw incomplete(image, stats);
    await begun.complete();
    log('info', `restored ${record.uuid} to ${nameOf(target)}${clone ? ' as a clone, unchecked' : ''}`);
    const { bytesRead, bytesWritten, targetKind } = stats;
    return { record, size: record.size, bytesRead, bytesWritten, checked: !clone, targetKind };
  });
}

/** Runs a restore; its failure says what has become of the target. */
async function concluding<Result>(
  begun: BegunRestore,
  directory: string,
  { uuid }: RevisionRecord,
  { force = false, clone = false }: RestoreOptions,
  target: RestoreTarget,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await namingDescriptor(target, work);
  } catch (error) {
    // After a defect nobody knows how much was written.
    if (isBackyError(error) && !hasBegun(error)) await begun.undo();
    const flags = [...(force ? ['--force'] : []), ...(clone ? ['--clone'] : [])];
    const command = restoreCommand(directory, uuid, nameOf(target), flags);
    throw restoreFailure(error, begun, nameOf(target), command);
  }
}

/** Nothing stands between a clone and what is wrong with its revision. */
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

/** Refuses what must not be overwritten, and says how the engine gets at the rest. */
async function openTarget(
  context: Context,
  engine: Engine,
  target: RestoreTarget,
  size: number,
  way: 'target' | 'targetClone',
): Promise<OpenTarget> {
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
  // A clone replaces nothing at all, as the engine says.
  if (way === 'target') {
    await checkLink(target);
    // Again when it is opened; but before that, an index may be made, which takes as long as reading the image.
    warnOfReaders(context, target, await engine.checkTarget(target, size));
  }
  return { where: { [way]: target } };
}

/** Permissions of everybody but the owner of a file. */
const OTHERS = 0o077;

/** Whoever may read an existing target, or has it open, reads the disk of the guest there. */
function warnOfReaders({ log }: Context, path: string, { mode = 0 }: TargetFacts): void {
  if ((mode & OTHERS) === 0) return;
  log(
    'warning',
    `the target ${path} has the mode ${mode.toString(8).padStart(4, '0')}, so that others may read or change the disk; "chmod 600 ${quoted(path)}" keeps it private`,
  );
}

/** Ends in a slash, or in one of the names that every directory has. */
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
