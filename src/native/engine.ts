import type * as Native from '#native';
import type {
  BadBlock,
  Begun,
  CloneOptions,
  CompareStats,
  FreedStats,
  Holder,
  HostProbe,
  IndexFacts,
  IndexOptions,
  IndexStats,
  LeftSnapshot,
  Progress,
  RbdSampleOptions,
  RepairedBlock,
  RepairOptions,
  RestoreOptions,
  RestoreStats,
  Sharer,
  SnapshotOptions,
  SnapshotStats,
  SourceFacts,
  TargetFacts,
  Verified,
  VerifyOptions,
  VerifyStats,
  WriteStats,
} from '#native';
import type { LoadOptions, OperationOptions } from './operate.ts';
import type { SourceInput } from './source-input.ts';

export type {
  BadBlock,
  Begun,
  CloneOptions,
  CompareStats,
  FreedStats,
  Holder,
  HostProbe,
  IndexFacts,
  IndexOptions,
  IndexStats,
  LeftSnapshot,
  LoadOptions,
  OperationOptions,
  Progress,
  RbdSampleOptions,
  RepairedBlock,
  RepairOptions,
  RestoreOptions,
  RestoreStats,
  Sharer,
  SnapshotOptions,
  SnapshotStats,
  SourceFacts,
  TargetFacts,
  Verified,
  VerifyOptions,
  VerifyStats,
  WriteStats,
};

/** The source and the files of a new revision. */
export type WriteOptions = Omit<Native.WriteOptions, 'source'> & { readonly source: SourceInput };

/** A revision and the snapshot that it was made from. */
export type CompareOptions = Omit<Native.CompareOptions, 'source'> & { readonly source: SourceInput };

/** The addon as imported. */
export type Addon = typeof import('#native');

/** A lock that is held until it is released or the process ends. */
export interface Lock {
  release(): void;
}

/**
 * The Rust engine for the rest of backy. It throws failures as BackyError. Long work takes an AbortSignal and reports
 * progress. `#native` documents all other details.
 */
export interface Engine {
  writeImage(options: WriteOptions, operation?: OperationOptions): Promise<WriteStats>;
  restoreImage(options: RestoreOptions, operation?: OperationOptions): Promise<RestoreStats>;
  /**
   * Compares an image with its index.
   *
   * @param verified images that this run verified before. Blocks that the last of them has at the same place on the disk
   *   are not read again
   */
  verifyImage(
    options: VerifyOptions,
    operation?: OperationOptions,
    verified?: Verified,
  ): Promise<VerifyStats>;
  /** An empty `Verified`, for a run that verifies several images. */
  createVerified(): Verified;
  compareSource(options: CompareOptions, operation?: OperationOptions): Promise<CompareStats>;
  indexImage(options: IndexOptions, operation?: OperationOptions): Promise<IndexStats>;
  describeIndex(index: string, operation?: OperationOptions): Promise<IndexFacts>;
  repairImage(options: RepairOptions, operation?: OperationOptions): Promise<readonly RepairedBlock[]>;
  /** Finds the files among `others` that share blocks of an image on the disk. `blocks` are offsets in bytes. */
  findSharers(
    options: {
      readonly image: string;
      readonly blocks: readonly number[];
      readonly others: readonly string[];
    },
    operation?: OperationOptions,
  ): Promise<readonly Sharer[]>;
  /** Measures the space that removing `remove` would free while `keep` stays. All files are on one filesystem. */
  measureFreed(
    files: { readonly remove: readonly string[]; readonly keep: readonly string[] },
    operation?: OperationOptions,
  ): Promise<FreedStats>;
  exportRbdSample(options: RbdSampleOptions): Promise<void>;
  /** Finds other users of files, in the order of `paths`. A missing file has no holders. */
  findHolders(paths: readonly string[]): Promise<readonly (readonly Holder[])[]>;
  /** Refuses a path that cannot keep a file, such as one below /proc. @throws BACKY_NO_PLACE, BACKY_IO */
  checkPlace(path: string): Promise<void>;
  /**
   * Checks whether `size` bytes can be restored to a new file, an existing file or a block device.
   *
   * @throws BACKY_TARGET_BUSY, BACKY_TARGET_KIND, BACKY_TARGET_PROTECTED, BACKY_TARGET_SMALL, BACKY_LINK_FOREIGN,
   *   BACKY_FILE_FOREIGN, BACKY_FILE_REPLACED, BACKY_NO_PLACE, BACKY_IO
   */
  checkTarget(path: string, size: number): Promise<TargetFacts>;
  /** The path of a file without links. @throws BACKY_LINK_FOREIGN, BACKY_IO */
  realPath(path: string): Promise<string>;
  /**
   * Appends a line to a file that a person named. Never waits for a reader of a pipe.
   *
   * @throws BACKY_LOG_KIND, BACKY_LINK_FOREIGN, BACKY_FILE_FOREIGN, BACKY_FILE_REPLACED, BACKY_IO
   */
  appendLine(path: string, line: string): void;
  probe(directory: string): Promise<HostProbe>;
  describeSource(path: string): Promise<SourceFacts>;
  cloneSource(options: CloneOptions, operation?: OperationOptions): Promise<SnapshotStats>;
  takeSnapshot(options: SnapshotOptions, operation?: OperationOptions): Promise<SnapshotStats>;
  removeSnapshot(snapshot: LeftSnapshot): Promise<boolean>;
  findBegun(path: string): Promise<Begun>;
  forgetBegun(path: string): Promise<void>;
  removePartials(path: string): Promise<readonly string[]>;
  lockFile(path: string, mode: 'exclusive' | 'shared'): Lock;
  replaceFile(path: string, contents: string, mode: number): Promise<void>;
  createFile(path: string, contents: string, mode: number): Promise<void>;
  replaceLinks(links: readonly { readonly path: string; readonly target: string }[]): Promise<void>;
  sealFiles(pairs: readonly { readonly from: string; readonly to: string }[]): Promise<void>;
  removeFiles(paths: readonly string[]): Promise<void>;
  moveFiles(pairs: readonly { readonly from: string; readonly to: string }[]): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  removeDirectory(path: string): Promise<void>;
  version(): string;
}
