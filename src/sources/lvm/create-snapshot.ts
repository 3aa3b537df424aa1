import type { LvmSourceConfig } from '../../config/config.ts';
import { formatLogicalVolume } from '../../domain/logical-volume.ts';
import { type BackyError, backyError, isBackyError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';
import type { Snapshot } from '../source.ts';
import { snapshotName } from './own-snapshot.ts';
import { runTool } from './tool.ts';
import type { Volume } from './volumes.ts';

/** Returns the facts that all snapshots of a volume share. */
export function snapshotOf({ config }: SnapshotOrder): Pick<Snapshot, 'name' | 'consistency' | 'sampleRuns'> {
  const { sampleRuns } = config;
  const name = formatLogicalVolume(config);
  return { name, consistency: 'crash', ...(sampleRuns === undefined ? {} : { sampleRuns }) };
}

/** Everything that a snapshot of a volume needs. */
export interface SnapshotOrder {
  readonly engine: Engine;
  readonly config: LvmSourceConfig;
  readonly volume: Volume;
  /** Id of the revision that is read from the snapshot. */
  readonly uuid: string;
  /** Tag of the repository. */
  readonly tag: string;
  /** Aborting it cancels the backup. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Creates a read-only snapshot and calls `prepare` to make it readable. If `prepare` fails, the snapshot is removed.
 *
 * @param options more options of lvcreate(8)
 * @param advice remedy for a volume group or pool without enough space
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
      // The first failure is reported. The next backup retires the snapshot.
    });
    throw error;
  }
}

/** Removes a snapshot. @param name `GROUP/VOLUME` @throws BACKY_TOOL_MISSING, BACKY_TOOL_FAILED */
export function removeSnapshot(name: string): Promise<void> {
  return runTool('lvremove', ['--quiet', '--yes', name]);
}

function failed(source: string, advice: string, cause: BackyError): BackyError {
  const reason = String(cause.details.reason);
  return backyError('BACKY_SNAPSHOT_FAILED', { source, reason, advice }, { cause });
}
