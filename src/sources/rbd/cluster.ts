import type { CephRbdSourceConfig } from '../../config/config.ts';
import { parseDuration } from '../../domain/duration.ts';
import { formatRbdImage } from '../../domain/rbd-image.ts';
import {
  asList,
  asObject,
  asText,
  asWholeNumber,
  type Field,
  member,
  root,
  ShapeError,
} from '../../domain/shape.ts';
import { type BackyError, backyError } from '../../errors.ts';
import { type FullPool, findFullPool } from './full-pool.ts';
import { type RbdOutcome, runRbd } from './run-rbd.ts';
import { sampleCommand } from './sample-command.ts';

/** An image, as its cluster knows it. */
export interface RbdImageFacts {
  /** Stays when the image is renamed; no other image of its pool ever gets it. */
  readonly id: string;
  /** Bytes. */
  readonly size: number;
  /** Whether it may be written to, as far as mirroring is concerned: the copies of an image that is mirrored may not. */
  readonly isPrimary: boolean;
  /** The pool of its data, where that is another one. */
  readonly dataPool?: string;
}

/** A snapshot of an image. */
export interface RbdSnapshot {
  /** No other snapshot of the pool ever gets it, and later ones have higher ids. */
  readonly id: number;
  readonly name: string;
  /** Size of the image when it was taken, in bytes. */
  readonly size: number;
}

/** Exit codes of rbd are error numbers. */
const ENOENT = 2;
const EPERM = 1;
const EACCES = 13;
const EROFS = 30;
const ENODATA = 61;
const ETIMEDOUT = 110;
const CANNOT_CONNECT = "couldn't connect to the cluster!";

/** How long a cluster may take to answer, unless configured otherwise. */
const DEFAULT_TIMEOUT_MS = 120_000;

/** Nobody has such a key in the metadata of an image. */
const NO_KEY = 'backy.is-writable';
/** In seconds. A cluster that is slow for a moment is no reason to give up. */
const LEAST_PATIENCE = 10;
/** The engine counts in 32 bits. */
const MOST_PATIENCE = 2 ** 32 - 1;

/** What is done with an image and its snapshots, by commands of rbd(8). */
export interface RbdCluster {
  /** Id and size of the image. @throws BACKY_SOURCE_MISSING */
  facts(): Promise<RbdImageFacts>;
  /** All snapshots of the image, also those of others. */
  snapshots(): Promise<readonly RbdSnapshot[]>;
  createSnapshot(name: string): Promise<void>;
  /** @returns false when there was none of that name */
  removeSnapshot(name: string): Promise<boolean>;
  /** Texts that are kept with the image, by key. */
  metadata(): Promise<ReadonlyMap<string, string>>;
  setMetadata(key: string, value: string): Promise<void>;
  /** What is not there is fine. */
  removeMetadata(key: string): Promise<void>;
  /** The clients that have the image open. */
  watchers(): Promise<readonly string[]>;
  /**
   * The command that writes a snapshot, or else the image itself, to its standard output as a stream of changes. It asks
   * the OSDs about each object. `--whole-object` would ask the object map of the image, which a rollback makes wrong.
   */
  exportCommand(snapshot?: string, since?: string): readonly string[];
  /** The command that writes a part of a snapshot to its standard output. */
  sampleCommand(snapshot: string): readonly string[];
  /**
   * The command that reads changes from its standard input and applies them to the image. Without a cache: with one, rbd
   * exits with 0 although what was left in the cache could not be written any more.
   */
  importCommand(): readonly string[];
  /** How many seconds a command may make no progress. It gives up by itself in half of the time, if it does not hang. */
  readonly patience: number;
  /**
   * Makes sure that the image may be written to, without a change to it.
   *
   * @returns why not, as rbd says; undefined when it may
   */
  whyNotWritable(): Promise<string | undefined>;
  /** Which of these pools takes no more data, and why; undefined when none is, or nobody knows. */
  fullPool(...pools: readonly string[]): Promise<FullPool | undefined>;
}

/** @throws, in all calls, BACKY_CLUSTER_UNREACHABLE, BACKY_TOOL_MISSING, BACKY_TOOL_FAILED, BACKY_SOURCE_MISSING */
export function rbdCluster(config: CephRbdSourceConfig): RbdCluster {
  const timeoutMs = (config.timeout && parseDuration(config.timeout)) || DEFAULT_TIMEOUT_MS;
  const connection = connectionArguments(config, timeoutMs);
  const about = imageArguments(config);
  const run = async (
    command: readonly string[],
    snapshot: string | undefined,
    ...more: readonly string[]
  ) => {
    const of = snapshot === undefined ? about : [...about, '--snap', snapshot];
    return runRbd([...connection, ...command, ...of, ...more], timeoutMs);
  };
  const must = async (...call: Parameters<typeof run>): Promise<string> => {
    const outcome = await run(...call);
    if (outcome.exitCode === 0) return outcome.stdout;
    throw failureOf(config, outcome);
  };
  return {
    facts: async () => readFacts(await must(['info'], undefined, ...AS_JSON)),
    snapshots: async () => readSnapshots(await must(['snap', 'ls'], undefined, ...AS_JSON)),
    createSnapshot: async (name) => {
      await must(['snap', 'create'], name, '--no-progress');
    },
    removeSnapshot: async (name) => {
      const outcome = await run(['snap', 'rm'], name, '--no-progress');
      if (outcome.exitCode !== 0 && !says(outcome, ENOENT)) throw failureOf(config, outcome);
      return outcome.exitCode === 0;
    },
    metadata: async () => readMetadata(await must(['image-meta', 'list'], undefined, ...AS_JSON)),
    setMetadata: async (key, value) => {
      await must(['image-meta', 'set'], undefined, key, value);
    },
    removeMetadata: async (key) => {
      const outcome = await run(['image-meta', 'rm'], undefined, key);
      if (outcome.exitCode !== 0 && !says(outcome, ENOENT, ENODATA)) throw failureOf(config, outcome);
    },
    watchers: async () => readWatchers(await must(['status'], undefined, ...AS_JSON)),
    exportCommand: (snapshot, since) => [
      'rbd',
      ...connection,
      'export-diff',
      ...about,
      ...(snapshot === undefined ? [] : ['--snap', snapshot]),
      ...(since === undefined ? [] : ['--from-snap', since]),
      ...STREAM,
    ],
    sampleCommand: (snapshot) => sampleCommand(config, snapshot, timeoutMs),
    importCommand: () => ['rbd', ...connection, '--rbd-cache=false', 'import-diff', ...about, ...STREAM],
    patience: patienceOf(timeoutMs),
    whyNotWritable: async () => {
      // It is opened for writing before anything else, and there is no such key.
      const outcome = await run(['image-meta', 'rm'], undefined, NO_KEY);
      if (outcome.exitCode === 0 || says(outcome, ENOENT, ENODATA)) return undefined;
      if (says(outcome, EPERM, EACCES, EROFS)) return outcome.complaint;
      throw failureOf(config, outcome);
    },
    fullPool: (...pools) => findFullPool(config, timeoutMs, pools),
  };
}

const STREAM = ['--no-progress', '--path', '-'] as const;
const AS_JSON = ['--format', 'json'] as const;

/** Each name is an argument of its own: none can be taken for an option, or be read as something else. */
function imageArguments({ pool, namespace, image }: CephRbdSourceConfig): readonly string[] {
  const inNamespace = namespace === undefined ? [] : ['--namespace', namespace];
  return ['--pool', pool, ...inNamespace, '--image', image];
}

/** Without these, rbd waits for ever for a cluster that does not answer. */
function connectionArguments({ user, conf }: CephRbdSourceConfig, timeoutMs: number): readonly string[] {
  const seconds = String(Math.max(1, Math.ceil(timeoutMs / 1000)));
  const limits = ['--rados-osd-op-timeout', '--rados-mon-op-timeout', '--client-mount-timeout'];
  return [
    ...(conf === undefined ? [] : ['--conf', conf]),
    ...(user === undefined ? [] : ['--id', user]),
    ...limits.flatMap((limit) => [limit, seconds]),
  ];
}

/** Whether a program of Ceph that failed, in the words of the engine, had got no answer. */
export function saysUnreachable(detail: string): boolean {
  return detail.endsWith(`(exit status ${ETIMEDOUT})`) || detail.includes(CANNOT_CONNECT);
}

function patienceOf(timeoutMs: number): number {
  return Math.min(Math.max(LEAST_PATIENCE, Math.ceil((2 * timeoutMs) / 1000)), MOST_PATIENCE);
}

/** Whether rbd says so of what it was asked for: without a configuration, the cluster is what there is none of. */
function says({ exitCode, complaint }: RbdOutcome, ...errors: readonly number[]): boolean {
  return complaint !== CANNOT_CONNECT && errors.includes(exitCode);
}

function failureOf(config: CephRbdSourceConfig, outcome: RbdOutcome): BackyError {
  const path = formatRbdImage(config);
  const { exitCode, complaint: reason } = outcome;
  if (says(outcome, ENOENT)) return backyError('BACKY_SOURCE_MISSING', { path }, { cause: reason });
  if (exitCode === ETIMEDOUT || reason === CANNOT_CONNECT)
    return backyError('BACKY_CLUSTER_UNREACHABLE', { source: path, reason });
  return backyError('BACKY_TOOL_FAILED', { tool: 'rbd', reason }, { details: { exitCode } });
}

function readFacts(output: string): RbdImageFacts {
  return reading(output, (image) => {
    // Images of the first format have no id, but a prefix that is as good.
    const id = member(image, 'id');
    const mirroring = member(image, 'mirroring');
    const dataPool = member(image, 'data_pool');
    return {
      id: asText(id.value === undefined ? member(image, 'block_name_prefix') : id, 'an id'),
      size: asWholeNumber(member(image, 'size'), 'a number of bytes'),
      isPrimary: mirroring.value === undefined || member(mirroring, 'primary').value !== false,
      ...(dataPool.value === undefined ? {} : { dataPool: asText(dataPool, 'a pool') }),
    };
  });
}

function readSnapshots(output: string): readonly RbdSnapshot[] {
  return reading(output, (list) =>
    asList(list, 'a list of snapshots').map((snapshot) => ({
      id: asWholeNumber(member(snapshot, 'id'), 'a number'),
      name: asText(member(snapshot, 'name'), 'a name'),
      size: asWholeNumber(member(snapshot, 'size'), 'a number of bytes'),
    })),
  );
}

/** An image without metadata has no output at all, or an empty list. */
function readMetadata(output: string): ReadonlyMap<string, string> {
  if (output.trim() === '') return new Map();
  return reading(output, (list) => {
    if (Array.isArray(list.value)) return new Map();
    const keys = Object.keys(asObject(list));
    return new Map(keys.map((key) => [key, asText(member(list, key), 'a text')]));
  });
}

function readWatchers(output: string): readonly string[] {
  return reading(output, (status) =>
    asList(member(status, 'watchers'), 'a list of watchers').map((watcher) =>
      asText(member(watcher, 'address'), 'an address'),
    ),
  );
}

function reading<Result>(output: string, read: (output: Field) => Result): Result {
  try {
    return read(root(JSON.parse(output)));
  } catch (cause) {
    if (!(cause instanceof SyntaxError) && !(cause instanceof ShapeError)) throw cause;
    const reason = `its output is not understood: ${cause.message}`;
    throw backyError('BACKY_TOOL_FAILED', { tool: 'rbd', reason }, { cause });
  }
}
