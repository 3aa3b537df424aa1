import type { ByteRange } from '../domain/bad-blocks.ts';

/** How the engine gets at the bytes of a source. */
export type SourceInput = PathInput | CommandInput;

/** A file or block device, and what is known of it beforehand. A hint narrows what is read, never what is compared. */
export interface PathInput {
  readonly path: string;
  /** The file is a snapshot of ours that nobody writes to: the image may share its blocks. */
  readonly cloneable?: boolean;
  /**
   * The snapshot of the parent, a file beside `path`, alive as it was: what lies at the same place on the disk in
   * both has not changed.
   */
  readonly previous?: string;
  /** Ranges that may differ from the parent's snapshot; the rest is known to be the same. In any order. */
  readonly changed?: readonly ByteRange[];
}

/**
 * A program and its arguments. It writes a stream of `rbd export-diff` to its standard output; the engine starts it
 * without a shell, ends it when the backup is cancelled, and wants it to exit with 0.
 */
export interface CommandInput {
  readonly command: readonly string[];
}
