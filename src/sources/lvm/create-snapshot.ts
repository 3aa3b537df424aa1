import type { LvmSourceConfig } from '../../config/config.ts';
import { formatLogicalVolume } from '../../domain/logical-volume.ts';
import { type BackyError, backyError, isBackyError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';
import type { Snapshot } from '../source.ts';
import { snapshotName } from './own-snapshot.ts';
import { runTool } from './tool.ts';
import type { Volume } from './volumes.ts';

/** What every snapshot of a volume has in common. */
export function snapshotOf({ config }: SnapshotOrder): Pick<Snapshot, 'name' | 'consistency' | 'sampleRuns'> {
  const { sampleRuns } = config;
  const name = formatLogicalVolume(config);
  return { name, consistency: 'crash', ...(sampleRuns === undefined ? {} : { sampleRuns }) };
}

/** What is needed to take a snapshot of a volume. */
export interface SnapshotOrder {
  readonly engine: Engine;
  readonly config: LvmSourceConfig;
  readonly volume: Volume;
  /** Of the revision that will be read from it. */
  readonly uuid: string;
  /** What marks it as a snapshot of this repository. */
  readonly tag: string;
}

/**
 * Makes a read-only snapshot and has `prepare` do what else it needs; if that fails, it is removed again.
 *
 * @param options of lvcreate(8)
 * @param advice what to do when there is no room for it
 * @throws BACKY_SNAPSHOT_FAILED, BACKY_TOOL_MISSING, and what `prepare` throws
 */
export async function createSnapshot<Result>(
  { config, uuid, tag }: SnapshotOrder,
  { options, advice }: { readonly options: readonly string[]; readonly advice: string },
  prepare: (name: string) => Promise<Result>,
): Promise<Result> {
  const source = formatLogicalVolume(config);
  const name = snapshotName(config.volume, uuid);
  const full = formatLogicalVolume({ ...config, volume: name });
  const marks = ['--permission', 'r', '--addtag', tag, '--name', name];
  try {
    await runTool('lvcreate', ['--quiet', '--yes', '--snapshot', ...marks, ...options, source]);
  } catch (error) {
    throw isBackyError(error, 'BACKY_TOOL_FAILED') ? failed(source, advice, error) : error;
  }
  try {
    return await prepare(name);
  } catch (error) {
    await removeSnapshot(full).catch(() => {
      // The first failure is the one to report; the next backup cleans up.
    });
    throw error;
  }
}

/** @param name with that of its group */
export function removeSnapshot(name: string): Promise<void> {
  return runTool('lvremove', ['--quiet', '--yes', name]);
}

function failed(source: string, advice: string, cause: BackyError): BackyError {
  const reason = String(cause.details.reason);
  return backyError('BACKY_SNAPSHOT_FAILED', { source, reason, advice }, { cause });
}
