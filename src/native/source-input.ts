import type { ByteRange } from '../domain/bad-blocks.ts';
import type { FileIdentity } from '../domain/file-identity.ts';

/** How the engine gets at the bytes of a source. */
export type SourceInput = PathInput | CommandInput;

/** A file or block device, and what is known of it beforehand. A hint narrows what is read, never what is compared. */
export interface PathInput {
  /** Where it is. A snapshot may have the very name of the image: then it is the image. */
  readonly path: string;
  /** Present for a snapshot of ours, which nobody will ever write to: the file that it must be. */
  readonly identity?: FileIdentity;
  /**
   * The snapshot that the parent was made from, and the file that it must be, alive as it was: what lies at the same
   * place on the disk in both has not changed.
   */
  readonly previous?: { readonly path: string; readonly identity: FileIdentity };
  /** Ranges that may differ from the parent's snapshot; the rest is known to be the same. In any order. */
  readonly changed?: readonly ByteRange[];
}

/**
 * A program and its arguments, which writes a stream of `rbd export-diff` to its standard output. The engine starts it
 * without a shell, ends it when the backup is cancelled, and wants it to exit with 0.
 */
export interface CommandInput {
  /** What people know the source by, for errors. */
  readonly name: string;
  /** The snapshot that the stream has to lead to. */
  readonly snapshot: string;
  /** The size of the source in that snapshot, in bytes. */
  readonly size: number;
  /** Hands over everything. */
  readonly command: readonly string[];
  /** Hands over what changed since the parent's snapshot. Everything is read when that turns out to be of no use. */
  readonly changes?: { readonly since: string; readonly command: readonly string[] } | undefined;
  /** Hands over one block of N, beginning with block K; both numbers are added to its arguments. */
  readonly sample?: readonly string[] | undefined;
}
