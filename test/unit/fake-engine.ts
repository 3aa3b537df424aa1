import {
  appendFileSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { backyError } from '../../src/errors.ts';
import { fromNodeError, ioError } from '../../src/io-error.ts';
import type {
  Begun,
  CompareStats,
  Engine,
  FreedStats,
  Holder,
  RepairedBlock,
  RestoreStats,
  Sharer,
  TargetFacts,
  VerifyStats,
  WriteStats,
} from '../../src/native/engine.ts';

type Method = keyof Engine;

/** An engine without native code: files are copied, nothing is hashed. It keeps a record of its calls. */
export interface FakeEngine extends Engine {
  /** Every call: the method, then its first argument. */
  readonly calls: (readonly [Method, unknown])[];
  /** Locks that someone else holds, or that are held now, by path. */
  readonly locks: Map<string, 'exclusive' | number>;
  /** Errors that the next call of a method throws after its work is done. */
  readonly failures: Map<Method, unknown>;
  writeStats: Partial<WriteStats>;
  restoreStats: Partial<RestoreStats>;
  targetFacts: TargetFacts;
  verifyStats: Partial<VerifyStats>;
  compareStats: CompareStats;
  repaired: readonly RepairedBlock[];
  /** The result of `findBegun`. */
  begun: Partial<Begun>;
  sharers: readonly Sharer[];
  /** Whether the repository is on the filesystem of its source. */
  sharesFilesystem: boolean;
  /** The result of `measureFreed`; absent: the sizes of the files. */
  freedStats: FreedStats | undefined;
  /** The processes that have files open, by path. */
  readonly holders: Map<string, readonly Holder[]>;
}

export function fakeEngine(): FakeEngine {
  const engine: FakeEngine = {
    calls: [],
    locks: new Map(),
    failures: new Map(),
    writeStats: {},
    restoreStats: {},
    targetFacts: {},
    verifyStats: {},
    compareStats: { bytesRead: 1, differentCount: 0, different: [] },
    repaired: [],
    begun: {},
    sharers: [],
    sharesFilesystem: false,
    freedStats: undefined,
    holders: new Map(),
    writeImage: (options, operation) =>
      call('writeImage', options, () => {
        if (operation?.signal?.aborted)
          throw backyError('BACKY_CANCELLED', { work: 'backup', aftermath: 'gone' });
        const { source } = options;
        if ('command' in source) throw new Error('the fake engine runs no commands');
        if (source.path !== options.image) copyFileSync(source.path, options.image);
        writeFileSync(options.index, 'index');
        return { ...WRITE_STATS, size: statSync(source.path).size, ...engine.writeStats };
      }),
    exportRbdSample: async () => {
      throw new Error('the fake engine reads no clusters');
    },
    restoreImage: (options) =>
      call('restoreImage', options, () => {
        if (options.target !== undefined) copyFileSync(options.image, options.target);
        return { ...RESTORE_STATS, size: options.size, ...engine.restoreStats };
      }),
    verifyImage: (options) =>
      call('verifyImage', options, () => {
        const stats = { ...VERIFY_STATS, ...engine.verifyStats };
        const { report, reportHeader = '' } = options;
        if (report !== undefined && stats.badCount > 0) {
          const lines = [reportHeader, ...stats.badBlocks.map((block) => JSON.stringify(block))];
          mkdirSync(dirname(report), { recursive: true });
          writeFileSync(report, `${lines.join('\n')}\n`, { flag: 'wx', mode: 0o400 });
        }
        return stats;
      }),
    createVerified: () => ({ release: () => {} }),
    compareSource: (options) => call('compareSource', options, () => engine.compareStats),
    repairImage: (options) => call('repairImage', options, () => engine.repaired),
    findSharers: (options) => call('findSharers', options, () => engine.sharers),
    indexImage: (options) =>
      call('indexImage', options, () => {
        writeFileSync(options.index, 'index', { flag: 'wx' });
        const { blockSize, digest, bytesZero } = WRITE_STATS;
        return { size: statSync(options.image).size, blockSize, digest, bytesZero };
      }),
    describeIndex: (index) =>
      call('describeIndex', index, () => {
        const { blockSize, digest } = WRITE_STATS;
        return { size: statSync(index.replace(/\.hashes$/, '')).size, blockSize, digest };
      }),
    measureFreed: (files) =>
      call('measureFreed', files, () => {
        const present = files.remove.filter((path) => existsSync(path));
        const bytes = present.reduce((sum, path) => sum + statSync(path).size, 0);
        return engine.freedStats ?? { bytes, estimated: false };
      }),
    findHolders: (paths) =>
      call('findHolders', paths, () => paths.map((path) => engine.holders.get(path) ?? [])),
    checkPlace: (path) => call('checkPlace', path, () => undefined),
    checkTarget: (path) => call('checkTarget', path, () => engine.targetFacts),
    realPath: async (path) => realpathSync(path),
    appendLine: (path, line) => appendFileSync(path, line),
    probe: (directory) => call('probe', directory, () => HOST_PROBE),
    describeSource: (path) =>
      call('describeSource', path, () => {
        const stats = statSync(path);
        if (!stats.isFile()) throw backyError('BACKY_SOURCE_KIND', { path });
        return { kind: 'file', size: stats.size, busy: false };
      }),
    cloneSource: (options) =>
      call('cloneSource', options, () => {
        if (!engine.sharesFilesystem)
          throw backyError('BACKY_REFLINK_UNSUPPORTED', { path: options.source, detail: 'elsewhere' });
        return clone(options.source, options.image);
      }),
    takeSnapshot: (options) =>
      call('takeSnapshot', options, () => {
        mkdirSync(options.directory, { mode: 0o700 });
        return clone(options.source, join(options.directory, options.name));
      }),
    removeSnapshot: ({ path, ...options }) =>
      call('removeSnapshot', { path, ...options }, () => {
        const isThere = existsSync(path);
        rmSync(path, { recursive: true, force: true });
        return isThere;
      }),
    findBegun: (path) =>
      call('findBegun', path, () => {
        statSync(path);
        return { running: false, marks: false, ...engine.begun };
      }),
    forgetBegun: (path) => call('forgetBegun', path, () => {}),
    removePartials: (path) => call('removePartials', path, () => []),
    lockFile: (path, mode) => acquire(engine, path, mode),
    replaceFile: (path, contents, mode) => call('replaceFile', path, () => replace(path, contents, mode)),
    createFile: (path, contents, mode) =>
      call('createFile', path, () => {
        if (existsSync(path)) throw ioError({ path, syscall: 'rename', errnoName: 'EEXIST' });
        writeFileSync(path, contents, { mode });
      }),
    replaceLinks: (links) =>
      call('replaceLinks', links, () => {
        for (const { path, target } of links) {
          rmSync(path, { force: true });
          symlinkSync(target, path);
        }
      }),
    sealFiles: (pairs) =>
      call('sealFiles', pairs, () => pairs.forEach(({ from, to }) => void renameSync(from, to))),
    removeFiles: (paths) =>
      call('removeFiles', paths, () => paths.forEach((path) => void rmSync(path, { force: true }))),
    moveFiles: (pairs) =>
      call('moveFiles', pairs, () => {
        for (const { from, to } of pairs) {
          if (!existsSync(from)) continue;
          if (existsSync(to)) throw ioError({ path: to, syscall: 'rename', errnoName: 'EEXIST' });
          renameSync(from, to);
        }
      }),
    makeDirectory: (path) => call('makeDirectory', path, () => ensureDirectory(path)),
    removeDirectory: (path) =>
      call('removeDirectory', path, () => {
        if (existsSync(path)) rmdirSync(path);
      }),
    version: () => 'fake',
  };

  async function call<Result>(method: Method, argument: unknown, work: () => Result): Promise<Result> {
    engine.calls.push([method, argument]);
    try {
      const result = work();
      const failure = engine.failures.get(method);
      engine.failures.delete(method);
      if (failure) throw failure;
      return result;
    } catch (error) {
      throw fromNodeError(error);
    }
  }

  return engine;
}

function clone(source: string, to: string) {
  copyFileSync(source, to, constants.COPYFILE_EXCL);
  const { size, dev, ino, birthtimeNs } = statSync(to, { bigint: true });
  return { size: Number(size), identity: { device: `${dev}`, inode: `${ino}`, birth: `${birthtimeNs}` } };
}

/** The methods that were called, without those in `ignored`. */
export function methodsCalled(engine: FakeEngine, ...ignored: readonly Method[]): readonly Method[] {
  return engine.calls.map(([method]) => method).filter((method) => !ignored.includes(method));
}

function acquire({ calls, locks }: FakeEngine, path: string, mode: 'exclusive' | 'shared') {
  calls.push(['lockFile', path]);
  const held = locks.get(path);
  if (held !== undefined && (mode === 'exclusive' || held === 'exclusive')) {
    throw backyError('BACKY_LOCKED', { work: 'work', path, holder: 'process 4711' });
  }
  locks.set(path, mode === 'exclusive' ? 'exclusive' : Number(held ?? 0) + 1);
  return {
    release: () => {
      const count = Number(locks.get(path));
      if (count > 1) locks.set(path, count - 1);
      else locks.delete(path);
    },
  };
}

function replace(path: string, contents: string, mode: number): void {
  writeFileSync(`${path}.new`, contents);
  chmodSync(`${path}.new`, mode);
  renameSync(`${path}.new`, path);
}

function ensureDirectory(path: string): void {
  if (!lstatSync(path, { throwIfNoEntry: false })) mkdirSync(path, { mode: 0o700 });
  if (!lstatSync(path).isDirectory()) throw ioError({ path, syscall: 'mkdir', errnoName: 'ENOTDIR' });
}

const WRITE_STATS: WriteStats = {
  size: 0,
  blockSize: 262144,
  digest: 'cd'.repeat(32),
  bytesRead: 10,
  bytesWritten: 20,
  bytesChanged: 30,
  bytesZero: 40,
  sharing: 'reflink',
  narrowed: false,
  sourceCloned: false,
  hintFailures: [],
};

const RESTORE_STATS: RestoreStats = {
  size: 0,
  bytesRead: 1,
  bytesWritten: 2,
  badCount: 0,
  badBlocks: [],
  targetKind: 'new',
};

const VERIFY_STATS: VerifyStats = {
  blocks: 4,
  bytesRead: 1 << 20,
  bytesShared: 0,
  badCount: 0,
  badBlocks: [],
};

const HOST_PROBE = {
  filesystem: 'btrfs',
  reflink: true,
  punchHole: true,
  directIo: true,
  freeBytes: 1 << 30,
  totalBytes: 1 << 31,
};
