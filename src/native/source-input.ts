import type { ByteRange } from '../domain/bad-blocks.ts';
import type { FileIdentity } from '../domain/file-identity.ts';

/** The input of the engine for a source. */
export type SourceInput = PathInput | CommandInput;

/** A file or block device with change hints. A hint limits the ranges to read, never the comparison. */
export interface PathInput {
  /** Path of the source. A snapshot may have the path of the new image; then it becomes the image. */
  readonly path: string;
  /** The expected file; present only for a snapshot of ours, which nobody else writes to. */
  readonly identity?: FileIdentity;
  /**
   * The snapshot that the parent was made from, with the expected file. Data at the same place on the disk in both
   * snapshots has not changed.
   */
  readonly previous?: { readonly path: string; readonly identity: FileIdentity };
  /** Ranges that may differ from the parent's snapshot, in any order. The rest is known to be equal. */
  readonly changed?: readonly ByteRange[];
}

/**
 * A program that writes a stream of `rbd export-diff` to its standard output. The engine starts it without a shell, kills
 * it if the backup is cancelled, and expects the exit code 0.
 */
export interface CommandInput {
  /** The name of the source, for errors. */
  readonly name: string;
  /** The snapshot at the end of the stream. */
  readonly snapshot: string;
  /** The size of the source in that snapshot, in bytes. */
  readonly size: number;
  /** Program and arguments that export everything. */
  readonly command: readonly string[];
  /** Exports the changes since the parent's snapshot. If that turns out unusable, everything is read. */
  readonly changes?: { readonly since: string; readonly command: readonly string[] } | undefined;
  /** Exports one block of N, beginning with block K. Both numbers are appended to its arguments. */
  readonly sample?: readonly string[] | undefined;
}
