import { stat } from 'node:fs/promises';
import { readConfigFile } from '../config/config-file.ts';
import { type BackyError, backyError, isBackyError } from '../errors.ts';
import { fromNodeError, isNodeError } from '../io-error.ts';
import type { Engine } from '../native/engine.ts';
import { loadEngine } from '../native/load-engine.ts';
import { hasChunks } from '../repository/chunked.ts';
import { type Layout, layoutOf } from '../repository/layout.ts';

/** Severity of a message. */
export type LogLevel = 'info' | 'warning' | 'error';

/** Takes what an operation has to tell beside its result, one sentence a call, without a full stop. */
export type Log = (level: LogLevel, message: string) => void;

/** Dependencies of the operations. Each has a default. */
export interface Dependencies {
  /** The time now. */
  readonly clock?: (() => Date) | undefined;
  readonly log?: Log | undefined;
  /** The native engine; loaded when it is needed first. */
  readonly engine?: (() => Promise<Engine>) | undefined;
  /** Aborting it ends the wait for another process; long calls have a signal of their own, too. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Act by the configuration although another user may write it: run the programs and read the files that it names.
   * False by default: what needs the configuration then ends with BACKY_UNTRUSTED.
   */
  readonly trustRepository?: boolean | undefined;
}

/** The surroundings of every operation on a repository. */
export interface Context {
  readonly layout: Layout;
  readonly clock: () => Date;
  readonly log: Log;
  readonly engine: () => Promise<Engine>;
  readonly signal?: AbortSignal | undefined;
  /** Whether a person trusts the repository, whoever may write to it. */
  readonly isTrusted: boolean;
}

/** Fills in the defaults; whether there is a repository is not looked at. */
export function createContext(directory: string, dependencies: Dependencies = {}): Context {
  const { clock = () => new Date(), log = () => {}, engine = loadEngine } = dependencies;
  const { signal, trustRepository: isTrusted = false } = dependencies;
  return { layout: layoutOf(directory), clock, log, engine, signal, isTrusted };
}

/**
 * The context of the repository in `directory`.
 *
 * @throws BACKY_NO_REPOSITORY, BACKY_CONFIG_MISSING, BACKY_CHUNKED_REPOSITORY, BACKY_IO
 */
export async function openContext(directory: string, dependencies: Dependencies = {}): Promise<Context> {
  const context = createContext(directory, dependencies);
  try {
    await stat(context.layout.config);
    await refuseChunks(context.layout);
    return context;
  } catch (cause) {
    if (!isNodeError(cause, 'ENOENT', 'ENOTDIR')) throw fromNodeError(cause);
    throw await missingConfig(context.layout, cause);
  }
}

/** A directory with revisions has lost its configuration. The advice must not send people elsewhere. */
export async function missingConfig({ directory, config }: Layout, cause?: unknown): Promise<BackyError> {
  const { countRecords } = await import('../repository/read-revisions.ts');
  const records = await countRecords(directory);
  return records === 0
    ? backyError('BACKY_NO_REPOSITORY', { path: directory }, { cause })
    : backyError('BACKY_CONFIG_MISSING', { path: config, records }, { cause });
}

/** Matches the configuration of a repository that keeps chunks. */
const MENTIONS_CHUNKS = /\bbackend["']?\s*:\s*["']?chunked\b/;

/** Chunks must not be taken for images: neither listed, nor written between. */
async function refuseChunks(layout: Layout): Promise<void> {
  if (hasChunks(layout)) throw backyError('BACKY_CHUNKED_REPOSITORY', { path: layout.directory });
  try {
    // Only a look, for most commands get by without reading the configuration.
    if (!MENTIONS_CHUNKS.test(readConfigFile(layout.config))) return;
    const { loadConfig } = await import('../config/load-config.ts');
    await loadConfig(layout.config);
  } catch (error) {
    // A broken configuration keeps nobody from what there is.
    if (!isBackyError(error, 'BACKY_CONFIG_INVALID', 'BACKY_IO')) throw error;
  }
}
