/** A revision that shares a bad place on the disk. */
export interface SharedDamage {
  readonly uuid: string;
  /** Offsets of its blocks at that place, in bytes. */
  readonly blocks: readonly number[];
}

/** The result of a repair of bad blocks. */
export interface Repair {
  readonly healed: readonly HealedBlock[];
  readonly left: readonly LeftBlock[];
  /** The same for other revisions that share the damage. */
  readonly sharers: readonly (Omit<Repair, 'sharers' | 'report'> & { readonly uuid: string })[];
  /** The file with the details; null if it could not be written. */
  readonly report: string | null;
}

/** A repaired block. */
export interface HealedBlock {
  /** Bytes from the start of the image. */
  readonly offset: number;
  readonly length: number;
  /** The file that provided the bytes; null for zeros. */
  readonly from: string | null;
  /** The file that keeps the bad bytes. */
  readonly evidence: string;
}

/** A block that could not be repaired. */
export interface LeftBlock {
  readonly offset: number;
  readonly length: number;
  readonly reason: string;
}
