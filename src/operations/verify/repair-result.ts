/** A revision that has a bad place of the disk in common with another one. */
export interface SharedDamage {
  readonly uuid: string;
  /** Offsets of its blocks that lie there, in bytes. */
  readonly blocks: readonly number[];
}

/** The result of a repair of bad blocks. */
export interface Repair {
  readonly healed: readonly HealedBlock[];
  readonly left: readonly LeftBlock[];
  /** The same for the bad blocks of other revisions that share the damage. */
  readonly sharers: readonly (Omit<Repair, 'sharers' | 'report'> & { readonly uuid: string })[];
  /** The file that has all of this; null: it could not be written. */
  readonly report: string | null;
}

/** A block that is what it was. */
export interface HealedBlock {
  /** Bytes from the start of the image. */
  readonly offset: number;
  readonly length: number;
  /** The file that the bytes come from; null: they are zeros. */
  readonly from: string | null;
  /** The file that has the bad bytes. */
  readonly evidence: string;
}

/** A block that is as bad as before. */
export interface LeftBlock {
  readonly offset: number;
  readonly length: number;
  readonly reason: string;
}
