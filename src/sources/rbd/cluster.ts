import type { CephRbdSourceConfig } from '../../config/config.ts';
import { parseDuration } from '../../domain/duration.ts';
import { connectionArguments, exportCommand, imageArguments, importCommand } from './command-line.ts';
import { ERRNO, failedWith, failureOf } from './failure.ts';
import { type FullPool, findFullPool } from './full-pool.ts';
import {
  type RbdImageFacts,
  type RbdSnapshot,
  readFacts,
  readMetadata,
  readSnapshots,
  readWatchers,
} from './image-report.ts';
import { type RbdOutcome, runRbd } from './run-rbd.ts';
import { sampleCommand } from './sample-command.ts';

/** The operations on one image and its snapshots, as commands of rbd(8). */
export interface RbdCluster extends ImageQueries, ImageChanges, StreamCommands {
  /** Returns the first of the pools that is full; undefined when none is, or when the cluster does not tell. */
  fullPool(...pools: readonly string[]): Promise<FullPool | undefined>;
}

interface ImageQueries {
  /** Describes the image. @throws BACKY_SOURCE_MISSING */
  facts(): Promise<RbdImageFacts>;
  /** Lists all snapshots of the image, including those of other programs. */
  snapshots(): Promise<readonly RbdSnapshot[]>;
  /** Returns the key-value pairs that are stored with the image. */
  metadata(): Promise<ReadonlyMap<string, string>>;
  /** Returns the addresses of the clients that have the image open. */
  watchers(): Promise<readonly string[]>;
}

interface ImageChanges {
  createSnapshot(name: string): Promise<void>;
  /** Removes a snapshot. @returns false when it does not exist */
  removeSnapshot(name: string): Promise<boolean>;
  setMetadata(key: string, value: string): Promise<void>;
  /** Removes a key, which may be missing. */
  removeMetadata(key: string): Promise<void>;
  /**
   * Checks that the image is writable, without changing it.
   *
   * @returns the complaint of rbd; undefined for a writable image
   */
  refusalToWrite(): Promise<string | undefined>;
}

interface StreamCommands {
  /**
   * The command that writes a snapshot, or the image itself, to standard output as a stream of changes. It asks the
   * OSDs about each object. `--whole-object` would ask the object map, which is wrong after a rollback of the image.
   */
  exportCommand(snapshot?: string, since?: string): readonly string[];
  /** The command that writes a sample of a snapshot to standard output. */
  sampleCommand(snapshot: string): readonly string[];
  /**
   * The command that applies changes from standard input to the image. It works without a cache, because rbd exits
   * with 0 even if it cannot write the rest of its cache.
   */
  importCommand(): readonly string[];
  /** Seconds without progress after which a command counts as hung. By itself, a command gives up in half the time. */
  readonly patience: number;
}

/** Time in which a cluster must answer, unless configured otherwise. */
const DEFAULT_TIMEOUT_MS = 120_000;

/** Opens an image. @throws, in all calls, BACKY_CLUSTER_UNREACHABLE, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED, BACKY_SOURCE_MISSING */
export function rbdCluster(config: CephRbdSourceConfig): RbdCluster {
  const timeoutMs = (config.timeout && parseDuration(config.timeout)) || DEFAULT_TIMEOUT_MS;
  const rbd = commandsOf(config, timeoutMs);
  return {
    ...imageQueries(rbd),
    ...imageChanges(rbd),
    ...streamCommands(config, timeoutMs),
    fullPool: (...pools) => findFullPool(config, timeoutMs, pools),
  };
}

/** Runs a command about the image. */
type Rbd = (
  command: readonly string[],
  options?: {
    readonly snapshot?: string;
    readonly more?: readonly string[];
    /** Error numbers that are no failure. */
    readonly tolerated?: readonly number[];
  },
) => Promise<RbdOutcome>;

function commandsOf(config: CephRbdSourceConfig, timeoutMs: number): Rbd {
  return async (command, { snapshot, more = [], tolerated = [] } = {}) => {
    const ofSnapshot = snapshot === undefined ? [] : ['--snap', snapshot];
    const image = [...imageArguments(config), ...ofSnapshot];
    const args = [...connectionArguments(config, timeoutMs), ...command, ...image, ...more];
    const outcome = await runRbd(args, timeoutMs);
    if (outcome.exitCode === 0 || failedWith(outcome, ...tolerated)) return outcome;
    throw failureOf(config, outcome);
  };
}

function imageQueries(rbd: Rbd): ImageQueries {
  const json = async (...command: readonly string[]): Promise<string> =>
    (await rbd(command, { more: ['--format', 'json'] })).stdout;
  return {
    facts: async () => readFacts(await json('info')),
    snapshots: async () => readSnapshots(await json('snap', 'ls')),
    metadata: async () => readMetadata(await json('image-meta', 'list')),
    watchers: async () => readWatchers(await json('status')),
  };
}

/** A key that no image has in its metadata. */
const NO_KEY = 'backy.is-writable';
const NO_SUCH_KEY = [ERRNO.ENOENT, ERRNO.ENODATA];
const NOT_WRITABLE = [ERRNO.EPERM, ERRNO.EACCES, ERRNO.EROFS];

function imageChanges(rbd: Rbd): ImageChanges {
  return {
    createSnapshot: async (snapshot) => {
      await rbd(['snap', 'create'], { snapshot, more: ['--no-progress'] });
    },
    removeSnapshot: async (snapshot) => {
      const tolerated = [ERRNO.ENOENT];
      const { exitCode } = await rbd(['snap', 'rm'], { snapshot, more: ['--no-progress'], tolerated });
      return exitCode === 0;
    },
    setMetadata: async (key, value) => {
      await rbd(['image-meta', 'set'], { more: [key, value] });
    },
    removeMetadata: async (key) => {
      await rbd(['image-meta', 'rm'], { more: [key], tolerated: NO_SUCH_KEY });
    },
    refusalToWrite: async () => {
      // rbd opens the image for writing before it looks for the key.
      const tolerated = [...NO_SUCH_KEY, ...NOT_WRITABLE];
      const outcome = await rbd(['image-meta', 'rm'], { more: [NO_KEY], tolerated });
      return failedWith(outcome, ...NOT_WRITABLE) ? outcome.complaint : undefined;
    },
  };
}

/** In seconds. A cluster may be slow for a moment. */
const LEAST_PATIENCE = 10;
/** The engine counts seconds in 32 bits. */
const MOST_PATIENCE = 2 ** 32 - 1;

function streamCommands(config: CephRbdSourceConfig, timeoutMs: number): StreamCommands {
  const seconds = Math.ceil((2 * timeoutMs) / 1000);
  return {
    exportCommand: (snapshot, since) => exportCommand(config, timeoutMs, snapshot, since),
    sampleCommand: (snapshot) => sampleCommand(config, snapshot, timeoutMs),
    importCommand: () => importCommand(config, timeoutMs),
    patience: Math.min(Math.max(LEAST_PATIENCE, seconds), MOST_PATIENCE),
  };
}
