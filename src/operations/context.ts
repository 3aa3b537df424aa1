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

/** Receives the messages of an operation: one sentence per call, without a full stop. */
export type Log = (level: LogLevel, message: string) => void;

/** Dependencies of the operations. Each has a default. */
export interface Dependencies {
  /** The time now. */
  readonly clock?: (() => Date) | undefined;
  readonly log?: Log | undefined;
  /** Loads the native engine. Called when the engine is first needed. */
  readonly engine?: (() => Promise<Engine>) | undefined;
  /** Aborting it ends a wait for another process. Long calls have a signal of their own, too. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Accept a configuration that another user may write: run the programs and read the files that it names. False by
   * default; an operation that needs the configuration then fails with BACKY_UNTRUSTED.
   */
  readonly trustRepository?: boolean | undefined;
}

/** A repository and the dependencies of work on it that needs no engine. */
export interface PlainContext {
  readonly layout: Layout;
  readonly clock: () => Date;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
  /** Whether a person trusts the repository, regardless of who may write to it. */
  readonly isTrusted: boolean;
}

/** The context of every operation on a repository. It loads the engine on demand. */
export interface Context extends PlainContext {
  readonly engine: () => Promise<Engine>;
}

/** A context with the engine loaded. */
export interface EngineContext extends PlainContext {
  readonly engine: Engine;
}

/** Loads the engine. @throws BACKY_NATIVE_MISSING */
export async function withEngine(context: Context): Promise<EngineContext> {
  return { ...context, engine: await context.engine() };
}

/** Fills in the defaults. Does not check whether the repository exists. */
export function createContext(directory: string, dependencies: Dependencies = {}): Context {
  const { clock = () => new Date(), log = () => {}, engine = loadEngine } = dependencies;
  const { signal, trustRepository: isTrusted = false } = dependencies;
  return { layout: layoutOf(directory), clock, log, engine, signal, isTrusted };
}

/**
 * Creates the context of the repository in `directory`, and checks that it exists.
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

/**
 * Returns the error for a missing configuration. A directory that holds revisions is a repository that has lost its
 * configuration, and the user must not be told to create another one.
 */
export async function missingConfig({ directory, config }: Layout, cause?: unknown): Promise<BackyError> {
  const { countRecords } = await import('../repository/read-revisions.ts');
  const records = await countRecords(directory);
  return records === 0
    ? backyError('BACKY_NO_REPOSITORY', { path: directory }, { cause })
    : backyError('BACKY_CONFIG_MISSING', { path: config, records }, { cause });
}

/** Matches the configuration of a repository that keeps chunks. */
const MENTIONS_CHUNKS = /\bbackend["']?\s*:\s*["']?chunked\b/;

/** Refuses a repository of chunks, because its files must neither be listed as images nor written between. */
async function refuseChunks(layout: Layout): Promise<void> {
  if (hasChunks(layout)) throw backyError('BACKY_CHUNKED_REPOSITORY', { path: layout.directory });
  try {
    // A text search is enough here: most commands never parse the configuration.
    if (!MENTIONS_CHUNKS.test(readConfigFile(layout.config))) return;
    const { loadConfig } = await import('../config/load-config.ts');
    await loadConfig(layout.config);
  } catch (error) {
    // A broken configuration must not block access to the revisions.
    if (!isBackyError(error, 'BACKY_CONFIG_INVALID', 'BACKY_IO')) throw error;
  }
}
